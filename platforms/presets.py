"""Known services, one entry each: what a new platform's form is filled with. Data only.

Base URLs, ways of sending the key and notes as of November 2026. Sources: the services' own SDKs
and documents, where nothing else is said; "from memory" marks what should be verified first. That
there is a list of models is from memory for Alibaba, Ark, Zhipu, Z.ai and MiniMax.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from platforms.preset_links import HELP

Json = Any
_ = str  # marks what the console says in the operator's language


@dataclass(frozen=True, slots=True)
class Preset:
    """One service. A base URL with a {part} must be completed by the operator."""

    slug: str
    title: str
    base_url: str
    """Without a slash at its end. "": the operator must say where."""
    notes: str = ""
    """For the operator: what is particular about this service."""
    auth_style: str = "bearer"
    """As in `platforms.models.AuthStyle`."""
    models_path: str = "/models"
    """Appended to the base URL. "": the service lists no models."""
    chat_path: str = "/chat/completions"
    """Appended to the base URL."""
    protocol: str = "openai"
    """The language that the service speaks."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with every call, beside the key's. Default: none."""
    rules: Mapping[str, Json] = field(default_factory=dict)
    """How its language differs: fields of `routes.Dialect`, as JSON. Default: not at all."""
    help_url: str = ""
    """Where one gets a key or reads on; from `preset_links`. "": not surely known."""

    @property
    def needs_base_url(self) -> bool:
        """Whether the operator must complete or give the base URL."""
        return not self.base_url or "{" in self.base_url


# Dropped where they are refused, although the answer is the same without them. What changes it
# (stop, seed, logprobs, penalties) goes to the service, so that its own refusal says so.
_STATE = [
    *("store", "metadata", "safety_identifier"),
    *("prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"),
]
# "developer" is OpenAI's word alone; "system" is understood everywhere and means the same.
_USUAL: Mapping[str, Json] = {
    "system_role": "system",
    "max_tokens_field": "max_tokens",
    "replay_reasoning": "never",
}
_OPENAI: Mapping[str, Json] = {
    "max_tokens_field": "max_completion_tokens",
    "replay_reasoning": "never",
    "responses": True,
}
_NEWER: Mapping[str, Json] = {**_USUAL, "max_tokens_field": "max_completion_tokens"}
# Models that think between tool calls want their thoughts back, and others take no notice of them.
# Documented by DeepSeek, Moonshot, Zhipu, MiniMax; from memory for services that host such models.
_THINKERS: Mapping[str, Json] = {**_USUAL, "replay_reasoning": "tool_turns"}


def _codes(**kinds: str) -> Json:
    """Codes of errors by what they mean, as `error_codes` has it: the other way round."""
    return {code: kind for kind, codes in kinds.items() for code in codes.split()}


def _regions(first: Preset, *others: tuple[str, str, str]) -> tuple[Preset, ...]:
    """A service, and the same one elsewhere: short name, title, base URL."""
    return (first, *(replace(first, slug=a, title=b, base_url=c) for a, b, c in others))


_ALL = (
    Preset("custom", "Custom", "", _("Anything that speaks OpenAI's protocol; give its base URL.")),
    Preset(
        "sandbox",
        "Sandbox",
        "sandbox://local/v1",
        _("No model is asked: answers are made up in this process. For trying things out."),
        auth_style="none",
    ),
    Preset(
        "openai",
        "OpenAI",
        "https://api.openai.com/v1",
        _("Organisation and project: extra headers OpenAI-Organization and OpenAI-Project."),
        rules=_OPENAI,
    ),
    Preset(
        "azure-openai",
        "Azure OpenAI",
        "https://{resource}.openai.azure.com/openai/v1",
        _("Put your resource's name into the base URL; “model” is the name of a deployment."),
        auth_style="api-key",
        rules=_OPENAI,
    ),
    Preset(
        "bedrock",
        "AWS Bedrock",
        "https://bedrock-runtime.{region}.amazonaws.com/openai/v1",
        _("The OpenAI-compatible endpoint, with a Bedrock API key; put your region into the URL."),
        models_path="",
    ),
    Preset(
        "anthropic",
        "Anthropic",
        "https://api.anthropic.com/v1",
        _("Claude, in Anthropic's own protocol: thinking, PDFs and cache control included."),
        auth_style="x-api-key",
        chat_path="/messages",
        protocol="anthropic",
    ),
    Preset(
        "gemini",
        "Google Gemini",
        "https://generativelanguage.googleapis.com/v1beta",
        _("Chat, pictures and Veo films, in Google's own protocol."),
        auth_style="x-goog-api-key",
        protocol="gemini",
    ),
    Preset(
        "vertex",
        "Google Vertex AI",
        "https://{location}-aiplatform.googleapis.com/v1/projects/{project}/locations/{location}"
        "/publishers/google",
        _(
            "The secret is a service account's JSON, with the role Vertex AI User; docs/vertex.md. "
            "The chat path is for tests of credentials only."
        ),
        auth_style="google-service-account",
        models_path="",
        chat_path="/models/gemini-2.5-flash:generateContent",
        protocol="gemini",
    ),
    Preset(
        "gemini-openai",
        "Google Gemini (OpenAI-compatible)",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        _("Model names may be listed as models/…"),
        rules={
            "system_role": "system",
            "drop_params": _STATE,  # "Unknown name …: Cannot find field." (400)
            "replay_reasoning": "tool_turns",  # for the signatures of thoughts
            "efforts": ["none", "minimal", "low", "medium", "high"],
        },
    ),
    Preset(
        "xai",
        "xAI",
        "https://api.x.ai/v1",
        _("The list of models leaves out some that are served."),
        protocol="xai",
        rules={"responses": True, "replay_reasoning": "never"},
    ),
    Preset(
        "deepseek",
        "DeepSeek",
        "https://api.deepseek.com",
        _("Thinks by default; with tools it wants reasoning_content back. 402 means no balance."),
        rules={
            **_THINKERS,
            "reasoning_in": "thinking_and_effort",
            "efforts": ["low", "high", "max"],
            "json_schema": "json_object",
        },
    ),
    *_regions(
        Preset(
            "dashscope",
            "Alibaba Model Studio (China)",
            "https://dashscope.aliyuncs.com/compatible-mode/v1",
            _("Qwen. Keys belong to a region; a workspace may have an address of its own."),
            protocol="dashscope",
            rules={**_THINKERS, "reasoning_in": "enable_thinking", "responses": True},
        ),
        (
            "dashscope-intl",
            "Alibaba Model Studio (international)",
            "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        ),
        (
            "dashscope-us",
            "Alibaba Model Studio (US)",
            "https://dashscope-us.aliyuncs.com/compatible-mode/v1",
        ),
    ),
    *_regions(
        Preset(
            "ark",
            "Volcengine Ark (Doubao)",
            "https://ark.cn-beijing.volces.com/api/v3",
            _("“model” is a model's id or that of an endpoint (ep-…)."),
            protocol="ark",
            # No max_tokens_field: max_tokens bounds the answer there, max_completion_tokens the
            # reasoning too, and only the client knows which of them is meant (its SDK, Nov 2026).
            rules={
                "system_role": "system",
                "efforts": ["minimal", "low", "medium", "high"],
                "replay_reasoning": "tool_turns",
                "responses": True,
            },
        ),
        (
            "byteplus",
            "BytePlus ModelArk (international)",
            "https://ark.ap-southeast.bytepluses.com/api/v3",  # from memory
        ),
    ),
    *_regions(
        Preset(
            "moonshot",
            "Moonshot Kimi (international)",
            "https://api.moonshot.ai/v1",
            _("Keys are valid in one region only. Sampling parameters of kimi-k models are fixed."),
            rules={
                **_THINKERS,
                "max_tokens_field": "max_completion_tokens",
                "fixed_sampling_models": ["kimi-k*"],
                "efforts": ["low", "high", "max"],  # of kimi-k3; kimi-k2.6 takes `thinking`
                "image_input": "data",  # from memory
                "error_codes": {"exceeded_current_quota_error": "quota"},
            },
        ),
        ("moonshot-cn", "Moonshot Kimi (China)", "https://api.moonshot.cn/v1"),
    ),
    *_regions(
        Preset(
            "zhipu",
            "Zhipu GLM (China)",
            "https://open.bigmodel.cn/api/paas/v4",
            _("temperature and top_p: 0 to 1; keys of a coding plan have own addresses."),
            protocol="zhipu",
            rules={
                **_THINKERS,
                "temperature_range": [0.01, 0.99],
                "top_p_range": [0.01, 0.99],
                "reasoning_in": "thinking",
                "json_schema": "json_object",  # docs.z.ai knows text and json_object only
                "tool_choices": ["auto", "none"],  # "Tool choice must be auto" (400)
                "error_codes": _codes(  # docs.bigmodel.cn, api-code, Nov 2026
                    quota="1113 1309",
                    rate="1302",
                    overloaded="1312",
                    not_found="1211",
                    context_length="1261",
                    content_filter="1301",
                ),
            },
        ),
        (
            "zhipu-coding",
            "Zhipu GLM coding plan (China)",
            "https://open.bigmodel.cn/api/coding/paas/v4",
        ),
        ("zai", "Z.ai GLM (international)", "https://api.z.ai/api/paas/v4"),
        (
            "zai-coding",
            "Z.ai GLM coding plan (international)",
            "https://api.z.ai/api/coding/paas/v4",
        ),
    ),
    *_regions(
        Preset(
            "minimax",
            "MiniMax (international)",
            "https://api.minimax.io/v1",
            _("Reasoning is in the content as <think>…</think> unless reasoning_split is true."),
            rules={
                **_THINKERS,
                "max_tokens_field": "max_completion_tokens",
                "temperature_range": [0.01, 1],  # 0 and more than 1 are refused
                "reasoning_out": "think",
                "n_max": 1,
                "error_codes": _codes(
                    quota="1008", rate="1002", key="1004", content_filter="1026 1027"
                ),
            },
        ),
        ("minimax-cn", "MiniMax (China)", "https://api.minimaxi.com/v1"),
    ),
    *_regions(
        Preset(
            "tencent",
            "Tencent TokenHub (China)",
            "https://tokenhub.tencentmaas.com/v1",
            _("402 may mean that a model is not enabled in the console."),
            rules={**_THINKERS, "reasoning_in": "thinking", "responses": True},
        ),
        (
            "tencent-intl",
            "Tencent TokenHub (international)",
            "https://tokenhub-intl.tencentcloudmaas.com/v1",
        ),
    ),
    Preset(
        "qianfan",
        "Baidu Qianfan",
        "https://qianfan.baidubce.com/v2",  # from memory
        _("Keys begin with bce-v3/; an application may be named by the extra header appid."),
        rules={  # from memory
            "system_role": "system",
            "reasoning_in": "enable_thinking",
            "replay_reasoning": "never",
        },
    ),
    *_regions(
        Preset(
            "siliconflow",
            "SiliconFlow (China)",
            "https://api.siliconflow.cn/v1",
            _("Model names look like organisation/name; an extra field is thinking_budget."),
            rules={
                **_THINKERS,
                "reasoning_in": "enable_thinking",
                "error_codes": _codes(not_found="20012", quota="30001"),  # 30001 from memory
            },
        ),
        ("siliconflow-intl", "SiliconFlow (international)", "https://api.siliconflow.com/v1"),
    ),
    *_regions(
        Preset(
            "stepfun",
            "StepFun (China)",
            "https://api.stepfun.com/v1",  # from memory
            _("451 means that its content review refused."),
            rules=_USUAL,
        ),
        ("stepfun-intl", "StepFun (international)", "https://api.stepfun.ai/v1"),
    ),
    *_regions(
        Preset(
            "mistral",
            "Mistral",
            "https://api.mistral.ai/v1",
            _("Unknown fields are refused with 422; seed is called random_seed."),
            rules={
                **_USUAL,
                "drop_params": [
                    *("user", "store", "safety_identifier", "service_tier"),
                    *("prompt_cache_retention", "prompt_cache_options"),
                ],
                "stream_usage": "always",
                "tool_choice_required": "any",
            },
        ),
        ("mistral-eu", "Mistral (EU)", "https://api.eu.mistral.ai/v1"),
        ("mistral-us", "Mistral (US)", "https://api.us.mistral.ai/v1"),
    ),
    Preset(
        "groq",
        "Groq",
        "https://api.groq.com/openai/v1",
        _("One answer per call (n is 1); no logprobs."),
        rules={
            "drop_params": _STATE,
            "n_max": 1,
            "efforts": ["none", "low", "medium", "high"],
            "replay_reasoning": "never",
        },
    ),
    Preset(
        "together",
        "Together AI",
        "https://api.together.ai/v1",
        _("Takes max_tokens only."),
        rules=_USUAL,
    ),
    Preset(
        "fireworks",
        "Fireworks AI",
        "https://api.fireworks.ai/inference/v1",
        _("Model names look like accounts/fireworks/models/…"),
        rules=_THINKERS,
    ),
    Preset(
        "openrouter",
        "OpenRouter",
        "https://openrouter.ai/api/v1",
        _("Extra headers HTTP-Referer and X-Title name your application."),
        rules={"reasoning_in": "reasoning", "replay_reasoning": "tool_turns"},
    ),
    Preset(
        "perplexity",
        "Perplexity",
        "https://api.perplexity.ai",
        _("No tools with sonar models; no list of models."),
        models_path="",
        rules={**_USUAL, "tool_choices": ["auto", "none"]},
    ),
    Preset(
        "cohere",
        "Cohere (OpenAI-compatible)",
        "https://api.cohere.ai/compatibility/v1",
        _("Many of OpenAI's parameters are not supported; no list of models there."),
        models_path="",
        rules={  # docs.cohere.com, compatibility-api, Nov 2025
            **_USUAL,
            "drop_params": [*_STATE, "service_tier", "prediction"],
            "efforts": ["none", "high"],
            "tool_choices": ["none", "required"],  # auto is what it does without
            "n_max": 1,
        },
    ),
    Preset(
        "nvidia",
        "NVIDIA NIM",
        "https://integrate.api.nvidia.com/v1",
        _("Keys begin with nvapi-. For your own container give http://host:8000/v1."),
        rules=_USUAL,
    ),
    Preset(
        "huggingface",
        "Hugging Face router",
        "https://router.huggingface.co/v1",
        _("Model names may end in :provider; what works depends on the provider."),
    ),
    Preset(
        "cerebras",
        "Cerebras",
        "https://api.cerebras.ai/v1",
        _("One answer per call (n is 1)."),
        # inference-docs.cerebras.ai, resources/openai, Nov 2026; "property 'store' is unsupported"
        rules={**_NEWER, "drop_params": _STATE, "n_max": 1},
    ),
    Preset(
        "ollama",
        "Ollama",
        "http://127.0.0.1:11434/v1",
        _("Your own engine. Pictures as data, not as addresses; tool_choice is ignored."),
        auth_style="none",
        rules={**_THINKERS, "tool_choices": ["auto", "none"], "image_input": "data"},
    ),
    Preset(
        "vllm",
        "vLLM",
        "http://{host}:8000/v1",  # its default port is this gateway's own, so no 127.0.0.1
        _("Your own engine. Started with --api-key: choose “Authorization: Bearer”."),
        auth_style="none",
        rules={**_THINKERS, "responses": True},
    ),
    Preset(
        "llamacpp",
        "llama.cpp server",
        "http://127.0.0.1:8080/v1",
        _("Your own engine. Tools need --jinja; 503 while it loads the model."),
        auth_style="none",
        rules=_THINKERS,
    ),
    Preset(
        "lmstudio",
        "LM Studio",
        "http://127.0.0.1:1234/v1",
        _("Your own engine. The first call loads the model, which takes a while."),
        auth_style="none",
        rules={**_THINKERS, "image_input": "data", "responses": True},
    ),
    Preset(
        "sglang",
        "SGLang",
        "http://127.0.0.1:30000/v1",
        _("Your own engine. Started with --api-key: choose “Authorization: Bearer”."),
        auth_style="none",
        rules=_THINKERS,
    ),
)

PRESETS: dict[str, Preset] = {it.slug: replace(it, help_url=HELP.get(it.slug, "")) for it in _ALL}
# What a platform's protocol may be: what any of the presets speaks.
PROTOCOLS = tuple(sorted({preset.protocol for preset in _ALL}))
