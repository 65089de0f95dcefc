"""What the playground's scripts say; `{name}` stands for what they fill in."""

from django.utils.translation import gettext as _


def words() -> dict[str, str]:
    """In the operator's language, by the names that the scripts know."""
    return {**_choosing(), **_answering(), **_files(), **_media()}


def _choosing() -> dict[str, str]:
    return {
        "other_model": _("Another name…"),
        "fitting": _("Likely for this"),
        "other_models": _("All others"),
        "loading": _("Asking the platform…"),
        "models": _("{count} models that this licence may call there."),
        "no_models": _("The platform lists no models; type a name."),
        "no_platform": _("This licence may call none of the platforms that are switched on."),
        "outside": _(
            "This licence may be used from {networks} only, and that holds here too. Your address "
            "is {address}: its calls will be refused."
        ),
        "signed_out": _("You are signed out, or may not use the playground any more. Reload."),
        "unreachable": _("The gateway cannot be reached. Check your connection and try again."),
        "no_model": _("Choose a model, or type its name."),
    }


def _answering() -> dict[str, str]:
    return {
        "you": _("You"),
        "system": _("System prompt"),
        "tool": _("The tool's answer"),
        "tool_hint": _("The model has called a tool: what you send now is the tool's answer."),
        "reasoning": _("Reasoning"),
        "calls": _("Tool calls"),
        "copy": _("Copy"),
        "copied": _("Copied"),
        "waiting": _("Waiting for the first token…"),
        "writing": _("The answer is being written."),
        "complete": _("complete"),
        "length": _("ended at the token limit"),
        "filtered": _("ended by the platform's content filter"),
        "called": _("waits for its tool calls"),
        "stopped": _("stopped by you"),
        "stopped_told": _("You stopped it: the platform was told, what came until then counts."),
        "cut": _("cut off"),
        "cut_told": _("The stream ended before the answer did. What you see is not all of it."),
        "failed": _("refused or failed"),
        "status": _("Status {status}"),
        "tokens": _("{prompt} + {completion} tokens"),
        "tokens_told": _("Tokens of the prompt and of the answer"),
        "thought": _("{count} of them reasoning"),
        "cached": _("{count} from the cache"),
        "first": _("first token after {seconds} s"),
        "speed": _("{speed} tokens/s"),
        "took": _("{seconds} s in all"),
        "cost": _("cost {cost}"),
        "unpriced": _("no price set"),
        "not_booked": _("not booked yet"),
        "record": _("Usage record"),
        "answer_of": _("Answer of {model}"),
        "bad_json": _("“Further fields” is not a JSON object: {problem}"),
    }


def _files() -> dict[str, str]:
    return {
        "remove": _("Remove {name}"),
        "attached": _("{name} is attached."),
        "too_large": _(
            "{name} is too large: a request may have {most} in all, and files grow by a third on "
            "their way."
        ),
        "not_picture": _("{name} is not a picture. PNG, JPEG, WebP and GIF are taken here."),
        "too_many": _("Not more than {most} files."),
        "unreadable": _("{name} cannot be read."),
    }


def _media() -> dict[str, str]:
    return {
        "queued": _("queued"),
        "in_progress": _("being made"),
        "completed": _("completed"),
        "made_picture": _("Picture {number} of: {prompt}"),
        "made_video": _("Video of: {prompt}"),
        "open": _("Open in full"),
        "task": _("Media task"),
        "task_failed": _("failed"),
        "ordering": _("Ordering…"),
        "gone": _("The task's state cannot be read at the moment; asking again."),
        "no_files": _("Nothing is stored of it any more."),
    }
