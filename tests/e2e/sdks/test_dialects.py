"""What programs say and hear in the words of one protocol only."""

import json
from typing import Any

import httpx2
import openai
import pytest

from bridge.simulator import Simulator
from tests.e2e.sdks.said import PDF_DATA, PNG, PNG_DATA, WEATHER
from tests.e2e.sdks.trip import DIRECTIONS, Trip, trips
from tests.e2e.sdks.ways import Way, asking

