"""The environment, read once: every setting of Tokens, one section per topic.

Each setting is named in `.env.example` with what it does; `manage.py check` (checks.py) says what
is wrong with them. Django reads this module; gateway code reads `django.conf.settings`.
"""

import re
import sys
from pathlib import Path

from django.utils.translation import gettext_lazy as _

from tokens_site import data_folder
from tokens_site.console import UNFOLD as UNFOLD
from tokens_site.environment import BASE_DIR, BEFORE, env
from tokens_site.signing_in import *  # noqa: F403 # settings, all of them

TOKENS_ENVIRONMENT = BEFORE

# The version is the newest heading of the changelog, so that the two cannot disagree.
_version = re.search(r"^## (\d\S*)", (BASE_DIR / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
TOKENS_VERSION = _version[1] if _version else "0"

# --- The data folder: database, generated secrets, usage journal -------------------------------

TOKENS_DATA_DIR = data_folder.made(
    Path(env.str("TOKENS_DATA_DIR", default=str(BASE_DIR / "var"))).absolute()
)

# --- Secrets: from the environment, or made once and kept in the data folder (mode 600) --------

SECRET_KEY = env.str("TOKENS_SECRET_KEY", default="") or data_folder.secret(
    TOKENS_DATA_DIR, "secret_key", data_folder.new_token
)
# Newest first: the first encrypts, all of them decrypt (MultiFernet).
TOKENS_ENCRYPTION_KEYS: list[str] = env.list("TOKENS_ENCRYPTION_KEYS", default=[]) or [
    data_folder.secret(TOKENS_DATA_DIR, "encryption_key", data_folder.new_fernet_key)
]
# Of its own, because rotating Django's secret key must not invalidate every licence.
TOKENS_LICENCE_PEPPER = env.str("TOKENS_LICENCE_PEPPER", default="") or data_folder.secret(
    TOKENS_DATA_DIR, "licence_pepper", data_folder.new_token
)

# --- Who may reach the site, and how ------------------------------------------------------------

DEBUG = env.bool("TOKENS_DEBUG", default=False)
ALLOWED_HOSTS: list[str] = env.list("TOKENS_ALLOWED_HOSTS", default=["*"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("TOKENS_TRUSTED_ORIGINS", default=[])
TOKENS_TRUSTED_PROXIES: list[str] = env.list("TOKENS_TRUSTED_PROXIES", default=["127.0.0.1", "::1"])
TOKENS_HTTPS = env.bool("TOKENS_HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = TOKENS_HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = env.int("TOKENS_HSTS_SECONDS", default=31_536_000) if TOKENS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = TOKENS_HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TOKENS_HTTPS else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- Django --------------------------------------------------------------------------------------

INSTALLED_APPS = [
    # Serves `runserver`, and must stand before staticfiles for that. Only there: it loads Twisted,
    # which would be a fifth of the server's memory.
    *(["daphne"] if sys.argv[1:2] == ["runserver"] else []),
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    # Before the theme, and that before the admin: each replaces templates of those after it.
    "licences",
    "platforms",
    "gateway",
    "tokens_site",
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "adrf",
    "drf_spectacular_sidecar",  # Swagger UI, for /docs/
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "tokens_site.middleware.operators_zone",
    "tokens_site.middleware.ConsoleMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
    "tokens_site.middleware.console_gate",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
ROOT_URLCONF = "tokens_site.urls"
ASGI_APPLICATION = "tokens_site.asgi.application"
# The gateway's paths end without a slash, and a redirect would lose a POST's body.
APPEND_SLASH = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
REST_FRAMEWORK: dict[str, object] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
    "EXCEPTION_HANDLER": "gateway.rest.answer_exception",
}

# --- Database ------------------------------------------------------------------------------------

DATABASES = {
    "default": env.db_url("DATABASE_URL", default=f"sqlite:///{TOKENS_DATA_DIR / 'tokens.sqlite3'}")
}
REDIS_URL = env.str("REDIS_URL", default="")
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"].setdefault("OPTIONS", {}).update(
        # IMMEDIATE: a transaction that reads and then writes waits for its turn, not fails.
        transaction_mode="IMMEDIATE",
        timeout=20,
        init_command="PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON",
    )
    # A file, not memory: tests use it from threads and from other processes.
    DATABASES["default"]["TEST"] = {"NAME": str(TOKENS_DATA_DIR / "test.sqlite3")}
else:
    DATABASES["default"].setdefault("CONN_HEALTH_CHECKS", True)
# On SQLite, too: half a dozen connections a second, made anew, took 3 % of a core (Nov 2026).
DATABASES["default"].setdefault("CONN_MAX_AGE", 60)
if DATABASES["default"]["ENGINE"].endswith("postgresql"):
    # A server that vanishes without a word is noticed within half a minute, not after two hours as
    # by default. What the URL says (?connect_timeout=10) wins.
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": 5,
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,  # milliseconds
        **DATABASES["default"].get("OPTIONS", {}),
    }

# --- Channels: how processes tell those who watch of their requests (gateway/live) ----------------

# Not the layer "default": no consumer shall wait for Redis without asking for it by name.
CHANNEL_LAYERS: dict[str, dict[str, object]] = {}
if REDIS_URL:
    CHANNEL_LAYERS["live"] = {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {
            "hosts": [{"address": REDIS_URL, "socket_timeout": 10, "socket_connect_timeout": 2}],
            "prefix": "tokens:channels:",
            "capacity": 50,  # messages of a second or two; more are dropped
            "expiry": 5,  # seconds
            "group_expiry": 30,  # seconds; members renew themselves every three
        },
    }

# --- Language and time ---------------------------------------------------------------------------

LANGUAGE_CODE = env.str("TOKENS_LANGUAGE", default="en")
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.str("TOKENS_TIME_ZONE", default="UTC")

# --- Static files (the admin's) ------------------------------------------------------------------

STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True  # no collectstatic step between clone and first page
WHITENOISE_AUTOREFRESH = DEBUG

# --- Relay: limits and time-outs -----------------------------------------------------------------

TOKENS_MAX_CHAT_BODY = env.int("TOKENS_MAX_CHAT_BODY", default=20 * 2**20)  # bytes
TOKENS_MAX_ANSWER = env.int("TOKENS_MAX_ANSWER", default=64 * 2**20)  # bytes, blocking answers
TOKENS_MAX_HEADERS = env.int("TOKENS_MAX_HEADERS", default=64 * 2**10)  # bytes
TOKENS_PING_S = env.float("TOKENS_PING_S", default=15.0)
TOKENS_DRAIN_S = env.int("TOKENS_DRAIN_S", default=30)
TOKENS_ATTEMPTS = env.int("TOKENS_ATTEMPTS", default=3)
TOKENS_QUEUE_S = env.float("TOKENS_QUEUE_S", default=5.0)
TOKENS_BODY_S = env.float("TOKENS_BODY_S", default=60.0)

# --- Limits and budgets --------------------------------------------------------------------------

TOKENS_RESERVE_COMPLETION = env.int("TOKENS_RESERVE_COMPLETION", default=1000)  # tokens
TOKENS_BUDGET_WAIT_S = env.float("TOKENS_BUDGET_WAIT_S", default=5.0)
TOKENS_LIMIT_LEASE_S = env.float("TOKENS_LIMIT_LEASE_S", default=30.0)
TOKENS_REDIS_DOWN_LIMITS = env.str("TOKENS_REDIS_DOWN_LIMITS", default="open")
TOKENS_REDIS_DOWN_BUDGETS = env.str("TOKENS_REDIS_DOWN_BUDGETS", default="closed")

# --- Pictures and films: tasks -------------------------------------------------------------------

TOKENS_MAX_MEDIA_BODY = env.int("TOKENS_MAX_MEDIA_BODY", default=60 * 2**20)  # bytes
TOKENS_MAX_MEDIA_FILE = env.int("TOKENS_MAX_MEDIA_FILE", default=512 * 2**20)  # bytes, of a result
TOKENS_WORKER = env.bool("TOKENS_WORKER", default=True)
TOKENS_WORKER_PARALLEL = env.int("TOKENS_WORKER_PARALLEL", default=128)
TOKENS_TASKS_PER_LICENCE = env.int("TOKENS_TASKS_PER_LICENCE", default=32)
TOKENS_POLL_S = env.float("TOKENS_POLL_S", default=5.0)
TOKENS_LEASE_S = env.float("TOKENS_LEASE_S", default=30.0)
TOKENS_IMAGE_LIMIT_S = env.int("TOKENS_IMAGE_LIMIT_S", default=3600)
TOKENS_VIDEO_LIMIT_S = env.int("TOKENS_VIDEO_LIMIT_S", default=86_400)
TOKENS_MEDIA_DAYS = env.int("TOKENS_MEDIA_DAYS", default=7)
TOKENS_TASK_DAYS = env.int("TOKENS_TASK_DAYS", default=90)
TOKENS_LINK_S = env.int("TOKENS_LINK_S", default=3600)
TOKENS_PUBLIC_URL = env.str("TOKENS_PUBLIC_URL", default="").rstrip("/")
TOKENS_FETCH_ALLOW: list[str] = env.list("TOKENS_FETCH_ALLOW", default=[])

# --- Where pictures and films are kept: a local folder, or an S3 bucket ---------------------------

MEDIA_ROOT = TOKENS_DATA_DIR / "media"
# Beside it, so that a finished file is moved there and not copied.
FILE_UPLOAD_TEMP_DIR = data_folder.made(TOKENS_DATA_DIR / "tmp")
FILE_UPLOAD_PERMISSIONS = 0o600
# Uploads are bounded before Django reads them (gateway.http.Bounded), and big ones go to disk.
DATA_UPLOAD_MAX_MEMORY_SIZE = TOKENS_MAX_MEDIA_BODY
TOKENS_S3_BUCKET = env.str("TOKENS_S3_BUCKET", default="")
STORAGES: dict[str, dict[str, object]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
if TOKENS_S3_BUCKET:
    STORAGES["default"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": TOKENS_S3_BUCKET,
            "endpoint_url": env.str("TOKENS_S3_ENDPOINT", default="") or None,
            "region_name": env.str("TOKENS_S3_REGION", default="") or None,
            "access_key": env.str("TOKENS_S3_ACCESS_KEY", default="") or None,
            "secret_key": env.str("TOKENS_S3_SECRET_KEY", default="") or None,
            "location": env.str("TOKENS_S3_PREFIX", default=""),
            "default_acl": None,
            "file_overwrite": True,  # names are random, and a look-up first costs a call
        },
    }

# --- Usage ---------------------------------------------------------------------------------------

TOKENS_CURRENCY = env.str("TOKENS_CURRENCY", default="USD")
TOKENS_USAGE_DAYS = env.int("TOKENS_USAGE_DAYS", default=0)  # 0: records are kept for ever
TOKENS_BOOKING_S = env.float("TOKENS_BOOKING_S", default=1.0)

# --- Alerts: who is told, the console knows -------------------------------------------------------

EMAIL_URL = env.str("EMAIL_URL", default="")
_email = env.email_url_config(EMAIL_URL or "dummymail://")
EMAIL_BACKEND: str = _email["EMAIL_BACKEND"]
EMAIL_HOST: str = _email["EMAIL_HOST"] or "localhost"
EMAIL_PORT: int = _email["EMAIL_PORT"] or 25
EMAIL_HOST_USER: str = _email["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD: str = _email["EMAIL_HOST_PASSWORD"] or ""
EMAIL_FILE_PATH: str = _email["EMAIL_FILE_PATH"]
EMAIL_USE_TLS: bool = _email.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL: bool = _email.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10  # seconds
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="tokens@localhost")
TOKENS_ALERT_ALLOW: list[str] = env.list("TOKENS_ALERT_ALLOW", default=[])
TOKENS_ALERT_ERROR_PERCENT = env.int("TOKENS_ALERT_ERROR_PERCENT", default=20)
TOKENS_ALERT_ERROR_WINDOW_S = env.int("TOKENS_ALERT_ERROR_WINDOW_S", default=600)
TOKENS_ALERT_ERROR_REQUESTS = env.int("TOKENS_ALERT_ERROR_REQUESTS", default=20)

# --- Metrics: for Prometheus, at /metrics; not served without one of token and port --------------

TOKENS_METRICS_TOKEN = env.str("TOKENS_METRICS_TOKEN", default="")
TOKENS_METRICS_PORT = env.int("TOKENS_METRICS_PORT", default=0)
TOKENS_METRICS_HOST = env.str("TOKENS_METRICS_HOST", default="127.0.0.1")

# --- Traces: for OpenTelemetry; where they go say its own variables (OTEL_EXPORTER_OTLP_…) -------

TOKENS_OTEL = env.bool("TOKENS_OTEL", default=False)

# --- Logging: one line per event, no secrets, no contents -----------------------------------------

TOKENS_ACCESS_LOG = env.bool("TOKENS_ACCESS_LOG", default=True)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.str("TOKENS_LOG_LEVEL", default="INFO")},
    "loggers": {
        # Django's own handlers would print every line twice and mail tracebacks.
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.server": {"handlers": [], "level": "INFO", "propagate": True},
        # Announces every answer of 4xx; the access log has them.
        "django.request": {"handlers": [], "level": "ERROR", "propagate": True},
        "axes": {"level": "WARNING"},  # sign-ins are in the console's audit
    },
}
