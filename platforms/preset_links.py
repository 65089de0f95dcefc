"""Where presets stand in the console, and where one gets a key: by their short names. Data only.

Only addresses of the services' own that have stood for long; what is not sure is left out, and
the console shows no link then.
"""

from collections.abc import Mapping

GROUPS: Mapping[str, tuple[str, ...]] = {
    "start": ("sandbox", "custom"),
    "makers": (
        *("openai", "anthropic", "gemini", "gemini-openai", "xai", "mistral", "mistral-eu"),
        *("mistral-us", "cohere", "perplexity", "deepseek", "moonshot", "moonshot-cn", "zhipu"),
        *("zhipu-coding", "zai", "zai-coding", "minimax", "minimax-cn", "stepfun", "stepfun-intl"),
    ),
    "clouds": (
        *("azure-openai", "bedrock", "vertex", "dashscope", "dashscope-intl", "dashscope-us"),
        *("ark", "byteplus", "tencent", "tencent-intl", "qianfan"),
    ),
    "hosts": (
        *("openrouter", "groq", "together", "fireworks", "huggingface", "nvidia", "cerebras"),
        *("siliconflow", "siliconflow-intl"),
    ),
    "engines": ("ollama", "vllm", "llamacpp", "lmstudio", "sglang"),
}
"""Presets in the order in which they are offered."""

HELP: Mapping[str, str] = {
    "openai": "https://platform.openai.com/api-keys",
    "azure-openai": "https://learn.microsoft.com/azure/ai-services/openai/",
    "bedrock": "https://docs.aws.amazon.com/bedrock/",
    "anthropic": "https://console.anthropic.com/settings/keys",
    "gemini": "https://aistudio.google.com/apikey",
    "gemini-openai": "https://aistudio.google.com/apikey",
    "vertex": "https://cloud.google.com/vertex-ai/generative-ai/docs",
    "xai": "https://console.x.ai",
    "deepseek": "https://platform.deepseek.com/api_keys",
    "dashscope": "https://bailian.console.aliyun.com",
    "dashscope-intl": "https://www.alibabacloud.com/help/en/model-studio/",
    "dashscope-us": "https://www.alibabacloud.com/help/en/model-studio/",
    "ark": "https://console.volcengine.com/ark",
    "byteplus": "https://docs.byteplus.com",
    "moonshot": "https://platform.moonshot.ai",
    "moonshot-cn": "https://platform.moonshot.cn",
    "zhipu": "https://open.bigmodel.cn",
    "zhipu-coding": "https://open.bigmodel.cn",
    "zai": "https://docs.z.ai",
    "zai-coding": "https://docs.z.ai",
    "minimax": "https://platform.minimax.io",
    "minimax-cn": "https://platform.minimaxi.com",
    "qianfan": "https://console.bce.baidu.com/qianfan/",
    "siliconflow": "https://cloud.siliconflow.cn",
    "siliconflow-intl": "https://cloud.siliconflow.com",
    "stepfun": "https://platform.stepfun.com",
    "mistral": "https://console.mistral.ai",
    "mistral-eu": "https://console.mistral.ai",
    "mistral-us": "https://console.mistral.ai",
    "groq": "https://console.groq.com/keys",
    "together": "https://docs.together.ai",
    "fireworks": "https://docs.fireworks.ai",
    "openrouter": "https://openrouter.ai/keys",
    "perplexity": "https://docs.perplexity.ai",
    "cohere": "https://dashboard.cohere.com/api-keys",
    "nvidia": "https://build.nvidia.com",
    "huggingface": "https://huggingface.co/settings/tokens",
    "cerebras": "https://cloud.cerebras.ai",
    "ollama": "https://ollama.com",
    "vllm": "https://docs.vllm.ai",
    "llamacpp": "https://github.com/ggml-org/llama.cpp",
    "lmstudio": "https://lmstudio.ai/docs",
    "sglang": "https://docs.sglang.ai",
}
"""Where one gets a key, or the service's documents."""
