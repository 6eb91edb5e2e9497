"""Settings of every process. Values come from the environment through `env` alone."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from arriwa.settings import env

BASE_DIR = Path(__file__).resolve().parent.parent.parent

#: demo | test | production. Only demo and test may move the clock.
ENVIRONMENT = env.text("ARRIWA_ENV", "test")
DEBUG = env.flag("ARRIWA_DEBUG")
_DEVELOPMENT = ENVIRONMENT in ("demo", "test")

SECRET_KEY = env.text("ARRIWA_SECRET_KEY", "only-for-tests" if ENVIRONMENT == "test" else "")
ALLOWED_HOSTS = env.words("ARRIWA_ALLOWED_HOSTS", "*" if _DEVELOPMENT else "")
PUBLIC_URL = env.text("ARRIWA_PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
MASTER_KEYS = env.master_keys("ARRIWA_MASTER_KEY") or (
    {1: hashlib.sha256(b"only-for-tests").digest()} if ENVIRONMENT == "test" else {}
)

# --- applications -------------------------------------------------------------------------------

SHARED_APPS = [
    # Before django_tenants, which brings templates of its own for the admin.
    "unfold",
    "django_tenants",
    "django.contrib.contenttypes",
    "tenants",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.admin",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.facebook",
    "django.contrib.staticfiles",
    "django_celery_beat",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "arriwa",
    "arriwa.outbox",
    "integrations.receipts",
]
TENANT_APPS = ["tenants.workspaces", "subscribers", "analytics", "integrations"]
INSTALLED_APPS = [*SHARED_APPS, *TENANT_APPS]
#: Adapters; each is loaded by integrations.apps and none imports another.
PLATFORMS = [
    "integrations.gupshup",
    "integrations.meta",
    "integrations.kommo",
    "integrations.stripe",
    "integrations.flowise",
]
TENANT_MODEL = "tenants.Organization"
TENANT_LIMIT_SET_CALLS = True
AUTH_USER_MODEL = "tenants.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "tenants.middleware.OrganizationMiddleware",
]
ROOT_URLCONF = "arriwa.urls"
WSGI_APPLICATION = "arriwa.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "arriwa.pages.access.shell_context",
                "arriwa.signin.notices.grant_notice",
            ]
        },
    }
]

# --- database -----------------------------------------------------------------------------------

DATABASE_URL_DEFAULT = "postgres://arriwa@127.0.0.1:5432/arriwa"
DATABASES: dict[str, dict[str, Any]] = {"default": env.database("DATABASE_URL", DATABASE_URL_DEFAULT)}
# Prepared statements are planned once: with their values in view the server would plan most of them anew
# each time, since it cannot tell how short our arrays are.
DATABASES["default"]["OPTIONS"]["options"] = " ".join(
    [DATABASES["default"]["OPTIONS"].get("options", ""), "-c plan_cache_mode=force_generic_plan"]
).strip()
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
#: web | relay | worker | beat | "": only web answers many at once and wants a pool.
PROCESS = env.text("ARRIWA_PROCESS")
if PROCESS == "web":
    DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 1, "max_size": 8, "max_lifetime": 600}
else:
    DATABASES["default"]["CONN_MAX_AGE"] = None
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True

# --- language and time --------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ru", "Русский")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# --- static files -------------------------------------------------------------------------------

#: A playbook's tab with many answers in several languages has more fields than Django's thousand.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

# --- API ----------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "arriwa.api.authentication.BearerAuthentication",
        "arriwa.api.authentication.BrowserAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["arriwa.api.permissions.Allowed"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "EXCEPTION_HANDLER": "arriwa.api.errors.exception_handler",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Arriwa",
    "VERSION": "v1",
    "SERVE_INCLUDE_SCHEMA": False,
    # The docs page works without the internet.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# --- the staff's site ---------------------------------------------------------------------------

UNFOLD = {
    "SITE_TITLE": "Arriwa",
    "SITE_HEADER": "Arriwa",
    "SITE_SUBHEADER": "support",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "BORDER_RADIUS": "8px",
    "SITE_SYMBOL": "support_agent",
    # The accent of our own pages (static/arriwa/tokens.css), lighter and darker.
    "COLORS": {
        "primary": {
            "50": "#f0f8f4",
            "100": "#dcefe6",
            "200": "#bbdfcf",
            "300": "#8ecab0",
            "400": "#57c79b",
            "500": "#2b8f6a",
            "600": "#17694b",
            "700": "#13563e",
            "800": "#104433",
            "900": "#0d362a",
            "950": "#071f18",
        }
    },
}

# --- platforms: base URLs are the operator's and therefore trusted ------------------------------

PLATFORM_URLS = {
    "gupshup": env.text("ARRIWA_GUPSHUP_URL", "https://partner.gupshup.io").rstrip("/"),
    "meta": env.text("ARRIWA_META_URL", "https://graph.facebook.com").rstrip("/"),
    "kommo": env.text("ARRIWA_KOMMO_URL", "https://{subdomain}.kommo.com").rstrip("/"),
    "stripe": env.text("ARRIWA_STRIPE_URL", "https://api.stripe.com").rstrip("/"),
    #: Empty: each connection names its own server, and the SSRF guard applies.
    "flowise": env.text("ARRIWA_FLOWISE_URL").rstrip("/"),
}
#: Our integration at Kommo; without it accounts are connected by a long-lived token only.
KOMMO_CLIENT_ID = env.text("ARRIWA_KOMMO_CLIENT_ID")
KOMMO_CLIENT_SECRET = env.text("ARRIWA_KOMMO_CLIENT_SECRET")
#: Where an owner lets the integration in, and where Kommo sends him back to: exactly as registered there.
KOMMO_AUTH_URL = env.text("ARRIWA_KOMMO_AUTH_URL", "https://www.kommo.com/oauth")
KOMMO_REDIRECT_URI = f"{PUBLIC_URL}/credentials/kommo/callback"
#: Key of the shared Flowise, with all permissions of flows, credentials, API keys and executions.
FLOWISE_KEY = env.text("ARRIWA_FLOWISE_KEY")
#: Flowise servers that a tenant may name although they are on our own network; the operator trusts them.
FLOWISE_TRUSTED_URLS = env.words("ARRIWA_FLOWISE_TRUSTED_URLS")
#: What the shared Flowise's agentflows run on: an OpenAI-compatible server, its key, the default model.
LLM_URL = env.text("ARRIWA_LLM_URL").rstrip("/")
LLM_KEY = env.text("ARRIWA_LLM_KEY")
LLM_MODEL = env.text("ARRIWA_LLM_MODEL", "gpt-4.1-mini")
#: Our account at Gupshup's partner portal; without an id owners can only bind numbers that they have.
GUPSHUP_PARTNER_ID = env.text("ARRIWA_GUPSHUP_PARTNER_ID")
GUPSHUP_PARTNER_EMAIL = env.text("ARRIWA_GUPSHUP_PARTNER_EMAIL")
GUPSHUP_PARTNER_CLIENT_SECRET = env.text("ARRIWA_GUPSHUP_PARTNER_CLIENT_SECRET")
#: The day on which that secret ends (YYYY-MM-DD); staff are told two weeks before.
GUPSHUP_PARTNER_SECRET_ENDS = env.text("ARRIWA_GUPSHUP_PARTNER_SECRET_ENDS")
#: universal | legacy: the second for partners without universal tokens; it ends on 31 March 2027.
GUPSHUP_PARTNER_AUTH = env.text("ARRIWA_GUPSHUP_PARTNER_AUTH", "universal")
#: Start of our tokens' names at Gupshup: another one for each installation of one partner.
GUPSHUP_TOKEN_PREFIX = env.text("ARRIWA_GUPSHUP_TOKEN_PREFIX", "arriwa")
#: The sandbox's page on which people try the lead's phone; empty in production.
SANDBOX_PAGE_URL = env.text("ARRIWA_SANDBOX_PAGE_URL").rstrip("/")
#: Messages a second that one WhatsApp number may send (Meta's default).
GUPSHUP_RATE = env.number("ARRIWA_GUPSHUP_RATE", 80)
#: Seconds after which a WhatsApp send in doubt is given up as unknown (design 3).
SEND_DOUBT_SECONDS = env.number("ARRIWA_SEND_DOUBT_SECONDS", 600)
#: Seconds that Kommo's search index may lag behind a create (reference A5).
KOMMO_LAG_SECONDS = env.number("ARRIWA_KOMMO_LAG_SECONDS", 20)
#: Seconds that an LLM may take before the local classifier answers (design, decision 5).
AGENT_DEADLINE_SECONDS = env.number("ARRIWA_AGENT_DEADLINE_SECONDS", 15)
#: Safety margin of WhatsApp's 24 h window, in seconds (reference 4.3).
WINDOW_MARGIN_SECONDS = env.number("ARRIWA_WINDOW_MARGIN_SECONDS", 600)
#: Largest hook body, in bytes (design 3).
HOOK_BODY_LIMIT = 4 * 1024 * 1024

# --- sign-in through Facebook (T1, T3) -------------------------------------------------------------

AUTHENTICATION_BACKENDS = [
    "tenants.signin.backends.FacebookSessions",
    # Passwords are for staff alone.
    "tenants.signin.backends.StaffPasswords",
]
if ENVIRONMENT == "test":
    # Hashing a password well takes as long as a hundred tests.
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
META_GRAPH_VERSION = "v26.0"
META_APP_ID = env.text("ARRIWA_META_APP_ID")
META_APP_SECRET = env.text("ARRIWA_META_APP_SECRET")
#: Where the consent dialog is; the Graph itself is PLATFORM_URLS["meta"].
META_DIALOG_URL = env.text("ARRIWA_META_DIALOG_URL", "https://www.facebook.com").rstrip("/")
#: Where people accept Meta's terms.
META_BUSINESS_URL = env.text("ARRIWA_META_BUSINESS_URL", "https://business.facebook.com").rstrip("/")
#: What the brief asks for in steps 1, 5 and 6 (T3), then what Meta needs beyond it (docs/departures.md).
FACEBOOK_SCOPES = {
    "signin": ["public_profile", "business_management", "email"],
    "ads": ["ads_read", "ads_management"],
    "commerce": [
        "commerce_account_read_orders",
        "commerce_account_read_reports",
        "commerce_account_read_settings",
        "catalog_management",
    ],
}
FACEBOOK_SCOPES_ADDED = {
    "signin": env.words("ARRIWA_FACEBOOK_SIGNIN_SCOPES", "pages_show_list"),
    "ads": env.words(
        "ARRIWA_FACEBOOK_ADS_SCOPES", "whatsapp_business_management,whatsapp_business_manage_events"
    ),
    "commerce": env.words("ARRIWA_FACEBOOK_COMMERCE_SCOPES"),
}
SOCIALACCOUNT_PROVIDERS = {
    "facebook": {
        "METHOD": "oauth2",
        "APPS": [{"client_id": META_APP_ID, "secret": META_APP_SECRET, "key": ""}],
        "SCOPE": [*FACEBOOK_SCOPES["signin"], *FACEBOOK_SCOPES_ADDED["signin"]],
        "FIELDS": ["id", "name", "email", "first_name", "last_name"],
        "VERSION": META_GRAPH_VERSION,
        "GRAPH_API_URL": f"{PLATFORM_URLS['meta']}/{META_GRAPH_VERSION}",
        "AUTHORIZE_URL": f"{META_DIALOG_URL}/{META_GRAPH_VERSION}/dialog/oauth",
    }
}
SOCIALACCOUNT_ADAPTER = "arriwa.signin.adapter.FacebookSignIn"
ACCOUNT_ADAPTER = "arriwa.signin.adapter.Accounts"
# allauth keeps who is who; tokens are sealed in FacebookGrant. Nobody is found by an e-mail address.
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if PUBLIC_URL.startswith("https:") else "http"
# Outside development one proxy stands in front, as SECURE_PROXY_SSL_HEADER says.
ALLAUTH_TRUSTED_PROXY_COUNT = 0 if _DEVELOPMENT else 1
ACCOUNT_RATE_LIMITS = {"facebook": "120/m/ip", "join_request": "20/h/user"}
LOGIN_URL = LOGIN_REDIRECT_URL = "/"
CSRF_FAILURE_VIEW = "arriwa.pages.outdated.outdated"

# --- e-mail -----------------------------------------------------------------------------------------

vars().update(env.email("ARRIWA_EMAIL_URL", "console:"))
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.text("ARRIWA_EMAIL_FROM", "arriwa@localhost")
#: Whom people may write to about their data; the privacy page names it.
CONTACT_EMAIL = env.text("ARRIWA_CONTACT_EMAIL")
#: Who runs this installation: told by mail of what only they can mend.
ADMINS = [("Staff", address) for address in env.words("ARRIWA_STAFF_EMAIL")]

# --- Celery: wake-ups only (design, decision 4) ----------------------------------------------------

CELERY_BROKER_URL = env.text("CELERY_BROKER_URL", "pgmq://")
if CELERY_BROKER_URL.startswith("pgmq:"):
    _database = DATABASES["default"]
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        # Explicit, because the client would take DATABASE_URL over the broker's address.
        "conn_string": " ".join(
            f"{name}='{value}'"
            for name, value in (
                ("host", _database["HOST"]),
                ("port", _database["PORT"]),
                ("user", _database["USER"]),
                ("password", _database["PASSWORD"]),
                ("dbname", _database["NAME"]),
            )
            if value
        ),
        "init_extension": False,
        "poll_interval_ms": 50,
        "wait_time_seconds": 1,
        "visibility_timeout": 120,
        "pool_size": 4,
    }
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_DEFAULT_QUEUE = "events"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"

# --- logging ------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"redact": {"()": "arriwa.common.redaction.RedactingFilter"}},
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["redact"]}},
    "root": {"handlers": ["console"], "level": env.text("ARRIWA_LOG_LEVEL", "INFO")},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "urllib3": {"level": "WARNING"},
        "stripe": {"level": "WARNING"},
        "celery": {"level": "WARNING"},
        "kombu": {"level": "ERROR"},
    },
}

# --- safety -------------------------------------------------------------------------------------

X_FRAME_OPTIONS = "SAMEORIGIN"
CONTENT_SECURITY_POLICY = {
    # The admin and the API's docs bring inline scripts of their own.
    "EXCLUDE_URL_PREFIXES": ["/admin/", "/api/docs/"],
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'self'"],
    },
}
if not _DEVELOPMENT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
