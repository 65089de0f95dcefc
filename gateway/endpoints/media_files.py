"""GET /media/<file>: a stored file for whoever has a signed link to it."""

import time

from django.http import HttpResponseBase
from rest_framework.request import Request

from gateway.errors import ApiError
from gateway.media import links
from gateway.media.serving import gone, serve
from gateway.models import MediaFile
from gateway.rest import GatewayView


class MediaFileContent(GatewayView):
    """One stored file."""

    endpoint = "media"

    async def get(self, request: Request, name: str) -> HttpResponseBase:
        """The file, if the link was made here and its time is not over."""
        id = name.partition(".")[0]
        expires = request.query_params.get("expires", "")
        if not links.is_signed(id, expires, request.query_params.get("signature", "")):
            raise ApiError(
                404, "There is no such file, or the link to it is not whole.", code="file_not_found"
            )
        if links.is_over(expires):
            raise ApiError(
                410,
                "This link's time is over. Read the task again; it shows a new one.",
                code="link_expired",
            )
        found = MediaFile.objects.exclude(variant="input").exclude(task=None).filter(pk=id)
        file = await self.gateway.media.database(found.first)
        if file is None:
            raise gone()
        left_s = int(expires) - time.time_ns() // 10**9
        store, method = self.gateway.media.store, str(request.method)
        return await serve(store, file, request.headers, method=method, max_age_s=left_s)

    head = get
