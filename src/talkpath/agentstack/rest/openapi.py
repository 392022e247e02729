"""The description of the routes, made of their table: OpenAPI 3.1."""

from __future__ import annotations

import re
from typing import Any

from talkpath.agentstack.rest.routes import OPERATIONS, PREFIX, Operation

_ERRORS = {
    400: "A field is wrong; `error` begins with its path",
    401: "No credentials, or wrong ones",
    403: "The path names another account",
    404: "There is none",
    409: "Not in its present state",
    413: "The body is too long",
    503: "Not now; nothing was done",
}


def openapi(version: str) -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(PREFIX + operation.path, {})[operation.method.lower()] = _described(operation)
    error = {
        "type": "object",
        "required": ["api_id", "error"],
        "properties": {"api_id": {"type": "string"}, "error": {"type": "string"}},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "talkpath agents", "version": version},
        "security": [{"account": []}],
        "paths": paths,
        "components": {
            "schemas": {"Error": error},
            "securitySchemes": {"account": {"type": "http", "scheme": "basic"}},
        },
    }


def _described(operation: Operation) -> dict[str, Any]:
    names = re.findall(r"{(\w+)}", PREFIX + operation.path)
    parameters = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
    parameters += [{"name": name, "in": "query", "schema": dict(schema)} for name, schema in operation.query.items()]
    found: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": parameters,
        "responses": {str(operation.status): _success(operation)},
    }
    for status in sorted({*operation.errors, 401, 403, 503}):
        schema = {"$ref": "#/components/schemas/Error"}
        found["responses"][str(status)] = {
            "description": _ERRORS[status],
            "content": {"application/json": {"schema": schema}},
        }
    if operation.body is not None:
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": dict(operation.body)}}}
    return found


def _success(operation: Operation) -> dict[str, Any]:
    if operation.status == 204:
        return {"description": "Done"}
    properties: dict[str, Any] = {"api_id": {"type": "string"}}
    if operation.is_list:
        items = {"type": "object", "properties": dict(operation.reply)}
        properties |= {"objects": {"type": "array", "items": items}, "meta": {"type": "object"}}
    else:
        properties |= {"message": {"type": "string"}, **operation.reply}
    schema = {"type": "object", "properties": properties}
    return {"description": "Done", "content": {"application/json": {"schema": schema}}}
