"""What a translation lost or weakened, and what it refuses.

A `Note` is a warning with a stable code and the place in the client's request (or in the upstream's
answer) it speaks of; a `TransformError` stops the translation before anything is sent. Both carry
codes of the catalogue below, which the documentation's loss table is made from.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

type Severity = Literal["cosmetic", "degraded", "lost"]

# code -> how much it hurts: cosmetic (nothing a reader would miss), degraded (the model works with
# less or other guidance), lost (content, or a rule about content, is gone).
CODES: dict[str, Severity] = {
    "billing_header_dropped": "cosmetic",
    "choices_dropped": "degraded",
    "citations_dropped": "lost",
    "context_edit_dropped": "degraded",
    "effort_clamped": "degraded",
    "field_dropped": "degraded",
    "finish_inferred": "cosmetic",
    "grammar_unenforced": "lost",
    "hint_dropped": "cosmetic",
    "hosted_output_dropped": "degraded",
    "hosted_tool_dropped": "lost",
    "incomplete_mapped": "cosmetic",
    "invalid_arguments": "degraded",
    "item_dropped": "lost",
    "json_mode_prompted": "degraded",
    "late_tool_delta": "degraded",
    "leading_assistant": "cosmetic",
    "logprobs_dropped": "degraded",
    "max_tool_calls_dropped": "degraded",
    "max_tokens_clamped": "degraded",
    "mcp_dropped": "lost",
    "metadata_dropped": "cosmetic",
    "missing_tool_result": "lost",
    "moderation_dropped": "degraded",
    "name_dropped": "cosmetic",
    "opaque_foreign": "lost",
    "opaque_invalid": "lost",
    "opaque_too_large": "lost",
    "orphan_tool_result": "lost",
    "pause_limit": "degraded",
    "prediction_dropped": "cosmetic",
    "prefill_unsupported": "degraded",
    "reasoning_option_dropped": "degraded",
    "request_repaired": "cosmetic",
    "sampling_clamped": "degraded",
    "sampling_dropped": "degraded",
    "schema_relaxed": "degraded",
    "server_tool_dropped": "lost",
    "speed_dropped": "degraded",
    "stop_truncated": "lost",
    "stop_unsupported": "lost",
    "strict_downgraded": "degraded",
    "system_inlined": "degraded",
    "task_budget_dropped": "degraded",
    "thinking_cannot_disable": "degraded",
    "thinking_conflict": "degraded",
    "thinking_mode_dropped": "degraded",
    "thinking_prefix_dropped": "degraded",
    "tier_dropped": "degraded",
    "tool_image_moved": "cosmetic",
    "tool_part_flattened": "lost",
    "tool_subset_unenforced": "lost",
    "tools_prefix_changed": "degraded",
    "trailing_assistant": "cosmetic",
    "truncation_dropped": "degraded",
    "usage_missing": "cosmetic",
    "verbosity_dropped": "degraded",
}

# Refusals: what cannot be translated at all.
ERRORS: frozenset[str] = frozenset(
    {
        "audio_unsupported",
        "background_unsupported",
        "document_url_unsupported",
        "file_type_unsupported",
        "foreign_file_id",
        "hosted_tool_unsupported",
        "image_type_unsupported",
        "n_unsupported",
        "part_unsupported",
        "prewarm_unsupported",
        "previous_response_not_found",
        "prompt_template_unsupported",
        "recursive_schema",
        "thread_not_found",
        "tool_name_collision",
    }
)


class Note(NamedTuple):
    """One warning: its code (a key of CODES), the place it speaks of, and what happened there."""

    code: str
    where: str
    detail: str


class Notes:
    """The notes of one exchange, in the order they came up, each once."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[Note, None] = {}

    def add(self, code: str, where: str, detail: str = "") -> None:
        if code not in CODES:
            raise KeyError(code)
        self._seen[Note(code, where, detail)] = None

    def lose(self, code: str, where: str, detail: str = "") -> None:
        """Note a loss, or refuse the request when `code` says that nobody could want it."""
        if code in ERRORS:
            raise TransformError(where, detail, code)
        self.add(code, where, detail)

    def __iter__(self) -> Iterator[Note]:
        return iter(self._seen)

    def __len__(self) -> int:
        return len(self._seen)


class TransformError(ValueError):
    """The client's request cannot be translated: `where` names the place, `problem` what is wrong.

    `code` is a key of ERRORS for a well-formed request the target cannot express, "" for a
    malformed one.
    """

    def __init__(self, where: str, problem: str, code: str = "") -> None:
        super().__init__(f"{where}: {problem}" if where else problem)
        self.where = where
        self.problem = problem
        self.code = code
