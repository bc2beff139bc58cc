"""Dataclasses whose objects nobody changes, made quickly.

Python guards a frozen object while it is made, field by field, which takes three times as long; a
long history is a thousand of them, and a quarter of its translation went there. So it is the type
checker that holds them frozen; at run time they are compared and hashed as such.
"""

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(*, frozen: bool, slots: bool):
        return dataclasses.dataclass(slots=slots, unsafe_hash=frozen)
