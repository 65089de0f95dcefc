"""Platforms, credentials and models as the hot path sees them: frozen, free of Django.

The catalogue builds these once per change of the configuration; a protocol may know nothing else
of a platform than what stands here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["chat", "image", "video", "embedding", "audio"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
ToolChoice = Literal["auto", "none", "required", "function"]
# The gateway's `shapes.FailureKind`, which platforms may not import; a test holds the two together.
FailureName = Literal[
    "rate",
    "quota",
    "key",
    "overloaded",
    "context_length",
    "content_filter",
    "not_found",
    "bad_request",
    "unreachable",
    "timeout",
    "broken",
]


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs, in micro-units of the site's currency; 0 where it has no price."""

    version: int = 0
    """Grows with each change in the admin. 0: the model has no mapping, so no price."""
    prompt: int = 0
    """Per million prompt tokens."""
    cached: int | None = None
    """Per million cached prompt tokens. None: as other prompt tokens."""
    completion: int = 0
    """Per million completion tokens, reasoning included."""
    image: int = 0
    """Per image."""
    second: int = 0
    """Per second of video or audio."""
    request: int = 0
    """Per request that was answered."""
    cache_write: int | None = None
    """Per million prompt tokens that were written to the cache. None: as other prompt tokens."""


FREE = Price()


@dataclass(frozen=True, slots=True)
class CredentialSpec:
    """One key of a platform. `repr` never shows the secret."""

    id: int
    name: str
    secret: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    """All headers of a call with this key (credential, platform's extras), ready to send; beside
    a service account's comes its token."""
    weight: int = 1
    proxy: str = field(default="", repr=False)
    """Proxy of this key, or else the platform's. "": direct. May hold a password."""
    service_account: bool = False
    """The secret is a service account's JSON: a token is fetched with it, it is not sent itself."""
    tier: int = 1
    """Credentials of tier 2 are used while none of tier 1 can be, and so on."""
    groups: frozenset[str] = frozenset()
    """What a model mapping or a caller may ask for by name."""
    rpm: int | None = None
    """Calls a minute that it may carry. None: no bound."""
    max_concurrency: int | None = None
    """Calls at once. None: no bound."""
    draining: bool = False
    """It ends what it carries and gets nothing new."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait for a platform, in seconds."""

    connect_s: float = 10.0
    first_byte_s: float = 120.0
    idle_s: float = 120.0
    total_s: float = 1800.0


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a platform's language differs from its protocol's plain one; the default: not at all.

    Merged once per change of the configuration: preset, then the platform's row, then the model's
    (`platforms.dialects`, which reads from these types what the rules may say).
    """

    max_tokens_field: Literal["", "max_tokens", "max_completion_tokens"] = ""
    """The name that the platform knows; "": as the client says it."""
    drop_params: tuple[str, ...] = ()
    """Fields that are left out, because they change nothing there or are refused."""
    temperature_range: tuple[float, float] | None = None
    """Lowest and highest that is sent; others are moved to the nearer end."""
    top_p_range: tuple[float, float] | None = None
    """The same."""
    fixed_sampling_models: tuple[str, ...] = ()
    """Patterns (`kimi-k*`) of upstream names whose sampling cannot be steered."""
    system_role: Literal["", "system", "developer"] = ""
    """What system and developer messages are called; "": as the client says it."""
    stream_usage: Literal["stream_options", "always", "never"] = "stream_options"
    """How a stream is made to end with its usage: by `stream_options`, by itself, not at all."""
    reasoning_in: Literal[
        "reasoning_effort",
        "thinking",
        "thinking_and_effort",
        "enable_thinking",
        "reasoning",
        "chat_template_kwargs",
        "never",
    ] = "reasoning_effort"
    """Where `reasoning_effort` goes: as it is, `thinking: {"type"}`, that and the effort beside it,
    `enable_thinking`,
    `reasoning: {"effort"}`, `chat_template_kwargs: {"enable_thinking"}`, or nowhere."""
    efforts: tuple[Effort, ...] = ()
    """The efforts that the platform knows; others become the nearest. (): all."""
    reasoning_out: Literal["", "think"] = ""
    """`think`: reasoning stands in the content as `<think>…</think>`. `reasoning_content`,
    `reasoning` and lists of typed parts are understood without being told."""
    replay_reasoning: Literal["", "never", "tool_turns", "always"] = ""
    """When the platform wants `reasoning_content` back in assistant messages; "": it gets what the
    client brings."""
    json_schema: Literal["native", "json_object", "prompt"] = "native"
    """How `response_format: json_schema` is said: as it is, as `json_object` with the schema in
    the system's words, or by these words alone."""
    tool_choices: tuple[ToolChoice, ...] = ("auto", "none", "required", "function")
    """What `tool_choice` may be; others are refused by name, but for `auto`: it is left out."""
    tool_choice_required: str = "required"
    """The platform's own word for `required`."""
    image_input: Literal["url", "data"] = "url"
    """`data`: the platform fetches no addresses, so the gateway does."""
    n_max: int = 0
    """The most answers in one call; more are refused. 0: no bound."""
    error_codes: tuple[tuple[str, FailureName], ...] = ()
    """The platform's own codes of errors, and which kind of failure each is."""
    responses: bool = False
    """Whether it has a Responses API at its base URL, to which such calls are relayed."""
    api_version: str = ""
    """Version of the platform's API that is asked for; "": the protocol's own choice."""


PLAIN = Dialect()


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A mapped model of a platform."""

    public_name: str
    upstream_name: str
    kind: Kind
    enabled: bool
    price: Price
    created: int
    """Unix seconds of when the mapping was made, for the models list."""
    dialect: Dialect = PLAIN
    """The platform's, with this model's overrides."""
    groups: frozenset[str] = frozenset()
    """Only credentials of one of these groups carry it. Empty: all of them."""
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What may be appended to the name with a hyphen, and the request's fields that it sets."""
    fallbacks: tuple[tuple[str, str], ...] = ()
    """Platform and model to go to, in this order, when this one cannot answer."""


@dataclass(frozen=True, slots=True)
class PlatformSpec:
    """An enabled platform with its enabled credentials and all its model mappings."""

    id: int
    slug: str
    name: str
    preset: str
    protocol: str
    base_url: str
    """Without a slash at its end."""
    chat_path: str
    models_path: str
    """ "" where the platform lists no models."""
    needs_credential: bool
    pass_unmapped: bool
    timeouts: Timeouts
    credentials: tuple[CredentialSpec, ...]
    models: Mapping[str, ModelSpec]
    """By public name; disabled ones too, so that they are refused and not passed through."""
    dialect: Dialect = PLAIN
    has_parameters: bool = False
    """Whether any model's name can carry parameters."""
    rpm: int | None = None
    """Requests a minute of all licences together. None: no bound; so for the next two."""
    tpm: int | None = None
    """Tokens a minute."""
    concurrency: int | None = None
    """Requests at once."""


@dataclass(frozen=True, slots=True)
class Route:
    """A model name resolved: which platform, under which name, at which price."""

    platform: PlatformSpec
    model: str
    """As the client asked for it."""
    upstream_model: str
    kind: Kind | None
    """None: a model without a mapping."""
    price: Price
    dialect: Dialect = PLAIN
    name: str = ""
    """Under which it is booked and licensed: `model` without hints. "": as `model`."""
    groups: tuple[frozenset[str], ...] = ()
    """Sets of credential groups; a credential must be in one group of each."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the request, in OpenAI's names, that the model's name has set."""
    fallbacks: tuple[tuple[str, str], ...] = ()
    """Platform and model to go to, in this order, when this one cannot answer."""
