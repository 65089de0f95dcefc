"""Known services, one entry each: what a new platform's form is filled with. Data only.

Base URLs, ways of sending the key and notes as of November 2026. Sources: the services' own SDKs
and documents, where nothing else is said; "from memory" marks what should be verified first. That
there is a list of models is from memory for Alibaba, Ark, Zhipu, Z.ai and MiniMax.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


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

    @property
    def needs_base_url(self) -> bool:
        """Whether the operator must complete or give the base URL."""
        return not self.base_url or "{" in self.base_url


_ALL = (
    Preset("custom", "Custom", "", "Anything that speaks OpenAI's protocol; give its base URL."),
    Preset(
        "sandbox",
        "Sandbox",
        "sandbox://local/v1",
        "No model is asked: answers are made up in this process. For trying things out.",
        auth_style="none",
    ),
    Preset(
        "openai",
        "OpenAI",
        "https://api.openai.com/v1",
        "Organisation and project: extra headers OpenAI-Organization and OpenAI-Project.",
    ),
    Preset(
        "azure-openai",
        "Azure OpenAI",
        "https://{resource}.openai.azure.com/openai/v1",
        "Put your resource's name into the base URL; “model” is the name of a deployment.",
        auth_style="api-key",
    ),
    Preset(
        "bedrock",
        "AWS Bedrock",
        "https://bedrock-runtime.{region}.amazonaws.com/openai/v1",
        "The OpenAI-compatible endpoint, with a Bedrock API key; put your region into the URL.",
        models_path="",
    ),
    Preset(
        "anthropic",
        "Anthropic",
        "https://api.anthropic.com/v1",
        "Claude, in Anthropic's own protocol: thinking, PDFs and cache control included.",
        auth_style="x-api-key",
        chat_path="/messages",
        protocol="anthropic",
    ),
    Preset(
        "gemini",
        "Google Gemini",
        "https://generativelanguage.googleapis.com/v1beta",
        "Chat, pictures and Veo films, in Google's own protocol.",
        auth_style="x-goog-api-key",
        protocol="gemini",
    ),
    Preset(
        "gemini-openai",
        "Google Gemini (OpenAI-compatible)",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "Model names may be listed as models/…",
    ),
    Preset(
        "xai",
        "xAI",
        "https://api.x.ai/v1",
        "The list of models leaves out some that are served.",
        protocol="xai",
    ),
    Preset(
        "deepseek",
        "DeepSeek",
        "https://api.deepseek.com",
        "Thinks by default; in turns with tools it wants reasoning_content back. "
        "402 means no balance.",
    ),
    Preset(
        "dashscope",
        "Alibaba Model Studio (China)",
        "https://dashscope.aliyuncs.com/compatible-mode/v1",
        "Qwen. Keys belong to a region; a workspace may have an address of its own.",
        protocol="dashscope",
    ),
    Preset(
        "dashscope-intl",
        "Alibaba Model Studio (international)",
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        "Qwen. Keys belong to a region; a workspace may have an address of its own.",
        protocol="dashscope",
    ),
    Preset(
        "dashscope-us",
        "Alibaba Model Studio (US)",
        "https://dashscope-us.aliyuncs.com/compatible-mode/v1",
        "Qwen. Keys belong to a region; a workspace may have an address of its own.",
        protocol="dashscope",
    ),
    Preset(
        "ark",
        "Volcengine Ark (Doubao)",
        "https://ark.cn-beijing.volces.com/api/v3",
        "“model” is a model's id or that of an endpoint (ep-…).",
        protocol="ark",
    ),
    Preset(
        "byteplus",
        "BytePlus ModelArk (international)",
        "https://ark.ap-southeast.bytepluses.com/api/v3",  # from memory
        "“model” is a model's id or that of an endpoint (ep-…).",
        protocol="ark",
    ),
    Preset(
        "moonshot",
        "Moonshot Kimi (international)",
        "https://api.moonshot.ai/v1",
        "Keys are not valid at the Chinese service. "
        "Sampling parameters of kimi-k models are fixed.",
    ),
    Preset(
        "moonshot-cn",
        "Moonshot Kimi (China)",
        "https://api.moonshot.cn/v1",
        "Keys are not valid at the international service. "
        "Sampling parameters of kimi-k models are fixed.",
    ),
    Preset(
        "zhipu",
        "Zhipu GLM (China)",
        "https://open.bigmodel.cn/api/paas/v4",
        "temperature and top_p must lie between 0 and 1, both excluded.",
        protocol="zhipu",
    ),
    Preset(
        "zhipu-coding",
        "Zhipu GLM coding plan (China)",
        "https://open.bigmodel.cn/api/coding/paas/v4",
        "For keys of a coding plan.",
        protocol="zhipu",
    ),
    Preset(
        "zai",
        "Z.ai GLM (international)",
        "https://api.z.ai/api/paas/v4",
        "temperature and top_p must lie between 0 and 1, both excluded.",
        protocol="zhipu",
    ),
    Preset(
        "zai-coding",
        "Z.ai GLM coding plan (international)",
        "https://api.z.ai/api/coding/paas/v4",
        "For keys of a coding plan.",
        protocol="zhipu",
    ),
    Preset(
        "minimax",
        "MiniMax (international)",
        "https://api.minimax.io/v1",
        "Reasoning stands in the content as <think>…</think> unless reasoning_split is true.",
    ),
    Preset(
        "minimax-cn",
        "MiniMax (China)",
        "https://api.minimaxi.com/v1",
        "Reasoning stands in the content as <think>…</think> unless reasoning_split is true.",
    ),
    Preset(
        "tencent",
        "Tencent TokenHub (China)",
        "https://tokenhub.tencentmaas.com/v1",
        "402 may mean that a model is not enabled in the console.",
    ),
    Preset(
        "tencent-intl",
        "Tencent TokenHub (international)",
        "https://tokenhub-intl.tencentcloudmaas.com/v1",
        "402 may mean that a model is not enabled in the console.",
    ),
    Preset(
        "qianfan",
        "Baidu Qianfan",
        "https://qianfan.baidubce.com/v2",  # from memory
        "Keys begin with bce-v3/; an application may be named by the extra header appid.",
    ),
    Preset(
        "siliconflow",
        "SiliconFlow (China)",
        "https://api.siliconflow.cn/v1",
        "Model names look like organisation/name; extra fields enable_thinking, thinking_budget.",
    ),
    Preset(
        "siliconflow-intl",
        "SiliconFlow (international)",
        "https://api.siliconflow.com/v1",
        "Model names look like organisation/name; extra fields enable_thinking, thinking_budget.",
    ),
    Preset(
        "stepfun",
        "StepFun (China)",
        "https://api.stepfun.com/v1",  # from memory
        "451 means that its content review refused.",
    ),
    Preset(
        "stepfun-intl",
        "StepFun (international)",
        "https://api.stepfun.ai/v1",
        "451 means that its content review refused.",
    ),
    Preset(
        "mistral",
        "Mistral",
        "https://api.mistral.ai/v1",
        "Unknown fields are refused with 422; seed is called random_seed, and max_tokens is the "
        "only name of the limit.",
    ),
    Preset("mistral-eu", "Mistral (EU)", "https://api.eu.mistral.ai/v1", "As Mistral."),
    Preset("mistral-us", "Mistral (US)", "https://api.us.mistral.ai/v1", "As Mistral."),
    Preset(
        "groq",
        "Groq",
        "https://api.groq.com/openai/v1",
        "One answer per call (n is 1); no logprobs.",
    ),
    Preset(
        "together",
        "Together AI",
        "https://api.together.ai/v1",
        "Takes max_tokens only.",
    ),
    Preset(
        "fireworks",
        "Fireworks AI",
        "https://api.fireworks.ai/inference/v1",
        "Model names look like accounts/fireworks/models/…",
    ),
    Preset(
        "openrouter",
        "OpenRouter",
        "https://openrouter.ai/api/v1",
        "Extra headers HTTP-Referer and X-Title name your application.",
    ),
    Preset(
        "perplexity",
        "Perplexity",
        "https://api.perplexity.ai",
        "No tools with sonar models; no list of models.",
        models_path="",
    ),
    Preset(
        "cohere",
        "Cohere (OpenAI-compatible)",
        "https://api.cohere.ai/compatibility/v1",  # from memory
        "Many of OpenAI's parameters are not supported; no list of models there.",
        models_path="",
    ),
    Preset(
        "nvidia",
        "NVIDIA NIM",
        "https://integrate.api.nvidia.com/v1",
        "Keys begin with nvapi-. For your own container give http://host:8000/v1.",
    ),
    Preset(
        "huggingface",
        "Hugging Face router",
        "https://router.huggingface.co/v1",
        "Model names may end in :provider; what works depends on the provider.",
    ),
    Preset("cerebras", "Cerebras", "https://api.cerebras.ai/v1", "One answer per call (n is 1)."),
    Preset(
        "ollama",
        "Ollama",
        "http://127.0.0.1:11434/v1",
        "Your own engine. Pictures as data, not as addresses; tool_choice is ignored.",
        auth_style="none",
    ),
    Preset(
        "vllm",
        "vLLM",
        "http://{host}:8000/v1",  # its default port is this gateway's own, so no 127.0.0.1
        "Your own engine. Started with --api-key: choose “Authorization: Bearer”.",
        auth_style="none",
    ),
    Preset(
        "llamacpp",
        "llama.cpp server",
        "http://127.0.0.1:8080/v1",
        "Your own engine. Tools need --jinja; 503 while it loads the model.",
        auth_style="none",
    ),
    Preset(
        "lmstudio",
        "LM Studio",
        "http://127.0.0.1:1234/v1",
        "Your own engine. The first call loads the model, which takes a while.",
        auth_style="none",
    ),
    Preset(
        "sglang",
        "SGLang",
        "http://127.0.0.1:30000/v1",
        "Your own engine. Started with --api-key: choose “Authorization: Bearer”.",
        auth_style="none",
    ),
)

PRESETS: dict[str, Preset] = {preset.slug: preset for preset in _ALL}
# What a platform's protocol may be: what any of the presets speaks.
PROTOCOLS = tuple(sorted({preset.protocol for preset in _ALL}))
