"""OpenAI clients asking for embeddings; everything that is not looked at travels on."""

from gateway.errors import BadRequest
from gateway.faces.openai import require, typed
from gateway.shapes import Json

MAX_INPUTS = 2048  # OpenAI's own limit
_FORMATS = ("float", "base64")


def read_embeddings(fields: dict[str, Json]) -> dict[str, Json]:
    """The request, checked. Raises BadRequest."""
    model = require(fields, "model", str)
    if not model.strip():
        raise BadRequest("'model' is empty; name a model.", param="model")
    if "input" not in fields:
        raise BadRequest(
            "'input' is missing; it must be a text or an array of texts.",
            param="input",
            code="missing_required_parameter",
        )
    _check_input(fields["input"])
    form = fields.get("encoding_format")
    if form is not None and form not in _FORMATS:
        raise BadRequest("'encoding_format' must be float or base64.", param="encoding_format")
    dimensions = fields.get("dimensions")
    if dimensions is not None and typed(dimensions, "dimensions", int) < 1:
        raise BadRequest("'dimensions' must be a whole number from 1 on.", param="dimensions")
    return fields


def _check_input(given: Json) -> None:
    """A text, tokens, or a list of either; nothing empty."""
    right = "a text, an array of texts, or tokens as numbers"
    if isinstance(given, str):
        if not given:
            raise BadRequest(f"'input' is empty; it must be {right}.", param="input")
        return
    if not isinstance(given, list) or not given:
        raise BadRequest(f"'input' must be {right}, and not empty.", param="input")
    if len(given) > MAX_INPUTS:
        raise BadRequest(
            f"'input' holds {len(given)} entries; {MAX_INPUTS} are the most.", param="input"
        )
    kinds = {type(one) for one in given}
    if len(kinds) != 1 or not kinds <= {str, int, list}:
        raise BadRequest(f"'input' must be {right}, all of one kind.", param="input")
    for number, one in enumerate(given):
        if one in ("", []):
            raise BadRequest(f"'input[{number}]' is empty.", param=f"input[{number}]")
