"""The console's pages for people and roles: nobody gives, or touches, more than he has himself."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import AbstractUser, Group, Permission, User
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy as _
from django_otp.plugins.otp_static.admin import StaticDevice
from django_otp.plugins.otp_totp.admin import TOTPDevice
from typing_extensions import override

from gateway import audit
from gateway.audit import Kind
from gateway.console import second_factor
from gateway.console.pages import page
from gateway.console.roles import APPS, ROLES

if TYPE_CHECKING:  # the classes take parameters in their stubs only
    _Admin = admin.ModelAdmin[Any]
    _UserAdmin = UserAdmin[User]
    from django.contrib.auth.forms import (
        AdminPasswordChangeForm,
        AdminUserCreationForm as UserCreationForm,
        UserChangeForm,
    )
else:
    from unfold.admin import ModelAdmin as _Admin
    from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

    _UserAdmin = UserAdmin

# Registered by the imports above: Django's own two make way for ours, and secrets of second
# factors are nobody's to look at.
for _model in (User, Group, TOTPDevice, StaticDevice):
    admin.site.unregister(_model)


@admin.register(User)
class PeopleAdmin(_UserAdmin, _Admin):
    """Who may sign in."""

    form: Any = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "full_name", "roles", "factor", "is_active", "last_login")
    list_filter = ("groups", "is_active", "is_superuser")
    search_fields = ("username", "first_name", "last_name", "email")
    filter_horizontal = ("user_permissions",)
    list_per_page = 50
    show_full_result_count = False
    readonly_fields = ("last_login", "date_joined", "factor", "factor_link")
    add_fieldsets = (
        (None, {"fields": ("username", "password1", "password2")}),
        (_("Who it is"), {"fields": ("first_name", "last_name", "email")}),
        (_("What he may do"), {"fields": ("groups",)}),
    )

    @override
    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return self.add_fieldsets
        may_all = request.user.is_superuser
        may_change = self.has_change_permission(request, obj)
        more = ("is_staff", "is_superuser", "user_permissions")
        return (
            (None, {"fields": ("username", "password") if may_change else ("username",)}),
            (_("Who it is"), {"fields": ("first_name", "last_name", "email")}),
            (_("What he may do"), {"fields": ("is_active", "groups")}),
            *([(_("Beyond the roles"), {"fields": more})] if may_all else []),
            (
                _("Signing in"),
                {
                    "fields": (
                        *("last_login", "date_joined", "factor"),
                        *(("factor_link",) if may_change else ()),
                    )
                },
            ),
        )

    @override
    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        confirmed = TOTPDevice.objects.filter(user=OuterRef("pk"), confirmed=True)
        people: QuerySet[Any] = super().get_queryset(request).prefetch_related("groups")
        annotated: QuerySet[Any] = people.annotate(has_factor=Exists(confirmed))
        return annotated

    @override
    def get_urls(self) -> list[URLPattern]:
        reset = path(
            "<id>/second-factor/",
            self.admin_site.admin_view(self.reset_view),
            name="auth_user_second_factor",
        )
        return [reset, *super().get_urls()]

    @override
    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "groups":
            kwargs["queryset"] = _groups_within(request.user)
        field = super().formfield_for_manytomany(db_field, request, **kwargs)
        if field is not None and db_field.name == "groups":
            field.label = _("Roles")
            field.help_text = _("owner: all, and people. operator: all but people. viewer: looks.")
        return field

    @override
    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.is_staff = True  # who may not enter the console has nothing to sign in for
        super().save_model(request, obj, form, change)

    @override
    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        before = _role_names(form.instance)
        super().save_related(request, form, formsets, change)
        after = _role_names(form.instance)
        if before != after:
            detail = f"{before or '-'} → {after or '-'}"
            audit.note(
                request, Kind.ROLES, user=request.user, subject=str(form.instance), detail=detail
            )

    @override
    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only whom one does not outrank oneself: another's password gives all that he may."""
        return super().has_change_permission(request, obj) and not _beyond(request.user, obj)

    @override
    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is not None and obj.pk == request.user.pk:
            return False  # nobody is left out by his own hand
        return super().has_delete_permission(request, obj) and not _beyond(request.user, obj)

    def reset_view(self, request: HttpRequest, id: str) -> HttpResponse:
        """Ask, then take away a person's second factor: his telephone is gone."""
        person = self.get_object(request, unquote(id))
        if person is None:
            raise Http404
        if not self.has_change_permission(request, person):
            raise PermissionDenied
        back = reverse(f"{self.admin_site.name}:auth_user_change", args=[person.pk])
        if request.method == "POST":
            second_factor.switch_off(request, person)
            self.log_change(request, person, gettext("Took away the second factor."))
            self.message_user(request, gettext("The second factor is off."), messages.SUCCESS)
            return redirect(back)
        return page(
            request,
            "reset_factor.html",
            gettext("Second factor of %s") % person,
            person=person,
            back=back,
            opts=self.opts,
        )

    @admin.display(description=_("name"), ordering="last_name")
    def full_name(self, person: Any) -> str:
        """First and last name."""
        return person.get_full_name() or "-"

    @admin.display(description=_("roles"))
    def roles(self, person: Any) -> str:
        """The groups, and whether there is no limit at all."""
        names = [group.name for group in person.groups.all()]
        if person.is_superuser:
            names.insert(0, gettext("superuser"))
        return ", ".join(names) or gettext("none")

    @admin.display(description=_("second factor"), boolean=True)
    def factor(self, person: Any) -> bool:
        """Whether a code is asked for when he signs in."""
        return bool(person.has_factor)

    @admin.display(description=_("lost telephone"))
    def factor_link(self, person: Any) -> SafeString | str:
        """The way to take the second factor away."""
        if not person.has_factor:
            return gettext("There is no second factor to take away.")
        link = reverse(f"{self.admin_site.name}:auth_user_second_factor", args=[person.pk])
        return format_html(
            '<a class="tk-link" href="{}">{}</a>', link, gettext("Take the second factor away")
        )


@admin.register(Group)
class RolesAdmin(GroupAdmin, _Admin):
    """What people may do, by role."""

    list_display = ("name", "people", "from_tokens")
    list_per_page = 50

    @override
    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        counted: QuerySet[Any] = rows.annotate(member_count=Count("user"))
        return counted

    @override
    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **kwargs: Any) -> Any:
        if db_field.name == "permissions":
            kwargs["queryset"] = _permissions_within(request.user)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    @override
    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self._is_free(request, obj)

    @override
    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self._is_free(request, obj)

    def _is_free(self, request: HttpRequest, group: Any) -> bool:
        """The roles of Tokens are as its table says; others hold no more than one has oneself."""
        if group is None:
            return True
        within = _groups_within(request.user)
        return group.name not in ROLES and within.filter(pk=group.pk).exists()

    @admin.display(description=_("people"), ordering="member_count")
    def people(self, group: Any) -> int:
        """How many have it."""
        count: int = group.member_count
        return count

    @admin.display(description=_("part of Tokens"), boolean=True)
    def from_tokens(self, group: Any) -> bool:
        """Whether it is made, and kept, by Tokens."""
        return group.name in ROLES


def _permissions_within(user: Any) -> QuerySet[Permission]:
    """Permissions that this user may give: those that he has."""
    known = Permission.objects.filter(content_type__app_label__in=APPS)
    known = known.select_related("content_type").order_by("content_type__app_label", "codename")
    if user.is_superuser:
        return known
    return known.filter(Q(user=user) | Q(group__user=user)).distinct()


def _groups_within(user: Any) -> QuerySet[Group]:
    """Groups that this user may give: those that hold nothing he has not."""
    groups = Group.objects.order_by("name")
    if user.is_superuser:
        return groups
    own = Permission.objects.filter(Q(user=user) | Q(group__user=user))
    beyond = Permission.objects.exclude(pk__in=own.values("pk"))
    return groups.exclude(permissions__in=beyond)


def _beyond(user: Any, other: Any) -> bool:
    """Whether the other may do something that the user may not; also while he is switched off."""
    if other is None or user.is_superuser:
        return False
    if other.is_superuser:
        return True
    own = Permission.objects.filter(Q(user=user) | Q(group__user=user))
    others = Permission.objects.filter(Q(user=other) | Q(group__user=other))
    return others.exclude(pk__in=own.values("pk")).exists()


def _role_names(person: AbstractUser) -> str:
    names = sorted(person.groups.values_list("name", flat=True))
    if person.is_superuser:
        names.append("superuser")
    return ", ".join(names)
