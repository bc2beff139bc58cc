import sys; sys.path.insert(0,'/work/main')
from hypothesis import given, settings, HealthCheck
from tests.views.odd import VALUES, OBJECTS
from tests.views.test_compare import leaves, values_of, told_of
from bridge.views.compare import compared
@settings(max_examples=4000, deadline=None, suppress_health_check=list(HealthCheck))
@given(OBJECTS, OBJECTS)
def test_law(left, right):
    found = compared(left, right)
    for body, side in ((left,"left"),(right,"right")):
        known = values_of(found, side)
        lost=[v for v in leaves(body) if not told_of(v, known)]
        assert lost==[], side
