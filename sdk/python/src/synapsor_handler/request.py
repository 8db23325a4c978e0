"""What the author of an effect is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Job:
    """One approved change. The row is locked, and is what the reviewer saw."""

    action: str
    proposal_id: str
    proposal_hash: str
    idempotency_key: str
    tenant_id: str
    object_id: str
    """The row's key as text."""
    principal: str
    """Who proposed it."""
    schema: str | None
    table: str
    key_column: str
    key: Any
    tenant_column: str
    version_column: str
    expected_version: Any
    patch: dict[str, Any]
    """The reviewed values; integers beyond 2^53-1 and decimals are texts."""
    row: dict[str, Any]
    """The locked row, all columns, as the driver gives them."""
    before: dict[str, Any]
    """The row as the reviewer saw it."""
    approval: dict[str, Any]
    """``approvers`` and ``decided_at``."""
    dry_run: bool
    """Whether everything is undone at the end."""
    request: dict[str, Any]
    """The whole request."""

    @staticmethod
    def of(request: dict[str, Any], row: dict[str, Any]) -> Job:
        """The job of a verified request."""
        change = request["change_set"]
        target, guards = change["target"], change["guards"]
        return Job(
            action=change["action"],
            proposal_id=request["proposal_id"],
            proposal_hash=request["proposal_hash"],
            idempotency_key=request["idempotency_key"],
            tenant_id=change["scope"]["tenant_id"],
            object_id=change["scope"]["object_id"],
            principal=change["principal"]["id"],
            schema=target.get("schema"),
            table=target["table"],
            key_column=target["primary_key"]["column"],
            key=target["primary_key"]["value"],
            tenant_column=guards["tenant"]["column"],
            version_column=guards["expected_version"]["column"],
            expected_version=guards["expected_version"]["value"],
            patch=change["patch"],
            row=row,
            before=request.get("before") or {},
            approval=request.get("approval") or {},
            dry_run=request.get("dry_run", False),
            request=request,
        )
