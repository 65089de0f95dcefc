"""The API as an OpenAPI document, and the page that shows it.

Written by hand, not read off the code: what streams is no DRF view, and the views take forms and
JSON in many spellings that no serializer says (docs/decisions/0011). Tests keep it true.
"""
