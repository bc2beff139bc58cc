import json, pytest, httpx2
from tests.e2e.sdks.programs import *
from tests.e2e.sdks.ways import *
rev=pytest.mark.parametrize("trip", [pytest.param((a,u,"reverse mode"), id=f"{a}-{u}") for a,u in directions()], indirect=True)
FAULTS={"both":{"kind":"error_event","after":2},"flat":{"kind":"error_event","after":2,"form":"flat"},"error":{"kind":"error_event","after":2,"form":"error"},"failed":{"kind":"error_event","after":2,"form":"failed"},
"cut":{"kind":"cut","after":2},"reset":{"kind":"cut","after":2,"reset":True},"at0":{"kind":"error_event","at":0},"at0-429":{"kind":"error_event","at":0,"status":429},"after0":{"kind":"error_event","after":0},"empty":{"kind":"empty"},"html":{"kind":"html","status":200}, "refused":{"kind":"drop"}}
@rev
def test_streams(trip):
    request=trip.request("[[words:9]]", tools=TOOLS, reasoning="shown")
    plain=trip.both(request)
    for how in ("streamed","whole"):
        for name,f in FAULTS.items():
            trip.sim.clear_faults()
            trip.sim.fault(trip.upstream,f)
            try: a=bare(getattr(trip.program,how)(request).to_dict()); print(how,name,"NO ERROR", str(a)[:200])
            except Exception as e: print(how,name,"RAISED",repr(e)[:200], getattr(e,"type",None), getattr(e,"code",None), str(getattr(e,"body",None))[:150]); continue
