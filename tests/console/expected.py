"""Which role gets what of which page of the console: the one table.

A new page needs a line here: of a model with its family, of others with a status per role (owner,
operator, viewer).
"""

from typing import NamedTuple

ROLES = ("owner", "operator", "viewer")
ALL = (200, 200, 200)
EDITORS = (200, 200, 403)
OWNER = (200, 403, 403)
NOBODY = (403, 403, 403)
ON = (302, 302, 302)
ON_EDITORS = (302, 302, 403)
ON_OWNER = (302, 403, 403)
NOT_SO = (405, 405, 405)
NOT_SO_EDITORS = (405, 405, 403)


class Family(NamedTuple):
    """What the pages of a model answer to GET."""

    changelist: tuple[int, int, int]
    add: tuple[int, int, int]
    change: tuple[int, int, int]
    delete: tuple[int, int, int]
    history: tuple[int, int, int]


EDITED = Family(ALL, EDITORS, ALL, EDITORS, ALL)
READ = Family(ALL, NOBODY, ALL, NOBODY, ALL)
PEOPLE = Family(OWNER, OWNER, OWNER, OWNER, OWNER)
AUDIT = Family(OWNER, NOBODY, OWNER, NOBODY, OWNER)

MODELS = {
    "licences_licence": EDITED,
    "platforms_platform": EDITED,
    "platforms_credential": EDITED,
    "platforms_modelmapping": EDITED,
    "gateway_usagerecord": READ,
    "gateway_usageday": READ,
    "gateway_mediatask": READ,
    "gateway_alert": READ,
    "gateway_alerttarget": EDITED,
    "gateway_auditevent": AUDIT,
    "auth_user": PEOPLE,
    "auth_group": PEOPLE,
}

PAGES = {
    "admin:index": ALL,
    "admin:search": ALL,
    "admin:login": ON,  # to the start page: they are in
    "admin:logout": NOT_SO,
    "admin:password_change": ALL,
    "admin:password_change_done": ALL,
    "admin:autocomplete": NOBODY,  # without saying of what; each model's own rules say more
    "admin:jsi18n": ALL,
    "admin:view_on_site": (404, 404, 404),
    "admin:app_list": ALL,
    "admin:licences_licence_rotate": EDITORS,
    "admin:licences_licence_extend": EDITORS,
    "admin:licences_licence_revoke": EDITORS,
    "admin:licences_licence_end_overlap": NOT_SO,
    "admin:licences_licence_switch": NOT_SO,
    "admin:platforms_credential_do": NOT_SO,
    "admin:platforms_platform_do": NOT_SO,
    "admin:platforms_platform_sync": EDITORS,
    "admin:gateway_alert_do": NOT_SO,
    "admin:gateway_alerttarget_secret": NOT_SO,
    "admin:gateway_alerttarget_test": NOT_SO,
    "admin:auth_user_password_change": OWNER,
    "admin:auth_user_second_factor": OWNER,
    "console:login": ON,
    "console:sign_in_code": ON,
    "console:confirm": ALL,
    "console:security": ALL,
    "console:security_app": ALL,
    "console:security_codes": NOT_SO,
    "console:security_off": NOT_SO,
    "console:security_elsewhere": NOT_SO,
    "console:first_steps": ALL,
    "console:first_steps_sandbox": NOT_SO,
    "console:dashboard_licences": ALL,
    "console:live": ALL,
    "console:live_record": ON,
    "console:playground": EDITORS,
    "console:playground_pass": NOT_SO,
    "console:playground_booked": EDITORS,
    "console:explorer": ALL,
    "console:explorer_choices": ALL,
    "console:explorer_sums": ALL,
    "console:explorer_requests": ALL,
}

MAY_ACT = {
    "owner": {"licences", "platforms", "gateway", "auth"},
    "operator": {"licences", "platforms", "gateway"},
    "viewer": set(),
}
"""In whose lists a role finds actions."""
