"""Settings of the console's security: signing in, sessions, second factor, what pages may load."""

from datetime import timedelta

from csp.constants import NONE, SELF

from tokens_site.environment import env

# --- Guessing passwords is slowed down: per name and address, in the database --------------------

TOKENS_SIGN_IN_FAILURES = env.int("TOKENS_SIGN_IN_FAILURES", default=5)
TOKENS_SIGN_IN_LOCK_S = env.int("TOKENS_SIGN_IN_LOCK_S", default=900)
AXES_FAILURE_LIMIT = TOKENS_SIGN_IN_FAILURES
AXES_COOLOFF_TIME = timedelta(seconds=TOKENS_SIGN_IN_LOCK_S)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
# Who goes on trying while he is locked out is told a moment that stays.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_CLIENT_IP_CALLABLE = "gateway.console.addresses.network_of"
AXES_LOCKOUT_CALLABLE = "gateway.console.locked_out.answer"
# The console's audit has them all.
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
# Forms of failed attempts are kept; a recovery code that came with a wrong password is still good.
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "password", "code"]
AUTHENTICATION_BACKENDS = [
    "gateway.console.backends.Throttle",
    "django.contrib.auth.backends.ModelBackend",
]

# --- Sessions ------------------------------------------------------------------------------------

TOKENS_SESSION_IDLE_S = env.int("TOKENS_SESSION_IDLE_S", default=28_800)
TOKENS_SESSION_S = env.int("TOKENS_SESSION_S", default=604_800)
TOKENS_CONFIRM_S = env.int("TOKENS_CONFIRM_S", default=600)
SESSION_COOKIE_AGE = min(TOKENS_SESSION_IDLE_S, TOKENS_SESSION_S)
SESSION_COOKIE_HTTPONLY = True

# --- Second factor -------------------------------------------------------------------------------

TOKENS_REQUIRE_TOTP = env.bool("TOKENS_REQUIRE_TOTP", default=False)
OTP_TOTP_ISSUER = "Tokens"

# --- What a page of the console may load, run and talk to ----------------------------------------

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "media-src": [SELF, "blob:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
