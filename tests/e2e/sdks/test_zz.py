import json, pytest, httpx2, openai
from tests.e2e.sdks.trip import *
from tests.e2e.sdks.said import *
def by(app): return trips([(a,u) for a,u in [*DIRECTIONS,("messages","reasoner"),("responses","reasoner")] if a==app], "reverse mode")
@by("responses")
def test_named(trip):
    c=trip.program.client
    r=trip.request("[[reason:t]][[redacted]][[tools:1x2]][[text:done]]", weather=True, reasoning="shown"); r["store"]=True; r["instructions"]="Be brief."
    a=c.responses.create(**r)
    for how in ("w","s"):
        out=[{"type":"function_call_output","call_id":i.call_id,"output":"sunny"} for i in a.output if i.type=="function_call"]
        print(a.id, [i.type for i in a.output])
        q={**r,"input":out,"previous_response_id":a.id}
        if how=="w": b=c.responses.create(**q)
        else:
            with c.responses.stream(**q) as s: b=s.get_final_response()
        print(b.output_text, b.previous_response_id)
        d=c.responses.create(**{**r,"input":"[[echo]]","previous_response_id":b.id})
        print(d.output_text)
        try: print(c.responses.retrieve(d.id).output_text[:20], c.responses.input_items.list(d.id).data[0].type)
        except Exception as e: print(repr(e))
    print(json.dumps(trip.sim.requests(trip.upstream)[-1].body)[:1500])
    try: c.responses.create(**{**r,"input":"x","previous_response_id":"resp_no"})
    except Exception as e: print(repr(e))
@by("chat")
def test_chat(trip):
    c=trip.program.client
    fn={"name":"weather","parameters":WEATHER}
    m=[{"role":"user","content":"[[call:weather]]"}]
    r=dict(model=asking(trip.upstream),messages=m,functions=[fn])
    a=c.chat.completions.create(**r).choices[0]; print(a.finish_reason, a.message.function_call, a.message.tool_calls)
    ch=[x.to_dict() for x in c.chat.completions.create(**r,stream=True)]; print([x["choices"][0]["delta"] for x in ch][:4], len(ch), [x for x in ch if x.get("usage")])
    m+= [a.message, {"role":"function","name":"weather","content":"sunny"}]
    print(c.chat.completions.create(**r).choices[0].message.content)
    print(json.dumps(trip.sim.requests(trip.upstream)[-1].body)[:800])
    try: c.chat.completions.create(model=asking(trip.upstream),messages=m[:1],n=2)
    except Exception as e: print(repr(e))
    print(c.chat.completions.create(model=asking(trip.upstream),messages=[{"role":"user","content":"[[echo]]"}],stop=["END","X"],temperature=1.5,top_p=.5,seed=3).choices[0].message.content)
    x=c.chat.completions.create(model=asking(trip.upstream),messages=[{"role":"user","content":"go"}],response_format={"type":"json_object"}).choices[0].message.content; print(x)
    print(trip.sim.requests(trip.upstream)[-1].raw[:400])
    PNGD={"type":"image_url","image_url":{"url":PNG_DATA}}
    h=[{"role":"user","content":"[[echo]]"},{"role":"assistant","content":None,"tool_calls":[{"id":"c1","type":"function","function":{"name":"weather","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c1","content":[{"type":"text","text":"see"},PNGD]}]
    print(c.chat.completions.create(model=asking(trip.upstream),messages=h,tools=[{"type":"function","function":fn}]).choices[0].message.content)
@by("messages")
def test_mess(trip):
    c=trip.program.client
    img={"type":"image","source":{"type":"base64","media_type":"image/png","data":PNG}}
    h=[{"role":"user","content":"[[echo]]"},{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"weather","input":{}},{"type":"tool_use","id":"c2","name":"weather","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":[{"type":"text","text":"see"},img]},{"type":"tool_result","tool_use_id":"c2","is_error":True,"content":"bad"},{"type":"text","text":"go on"}]}]
    r=dict(model=asking(trip.upstream),max_tokens=200,messages=h,tools=[{"name":"weather","input_schema":WEATHER}])
    print(c.messages.create(**r,stop_sequences=["END"],system=[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}},{"type":"text","text":"b"}]).content[0].text)
    print(json.dumps(trip.sim.requests(trip.upstream)[-1].body)[:1500])
    a=c.messages.create(model=asking(trip.upstream),max_tokens=200,messages=[{"role":"user","content":"[[text:ab]][[stop:END]]"}],stop_sequences=["END"]); print(a.stop_reason,a.stop_sequence)
@by("responses")
def test_resp(trip):
    c=trip.program.client
    h=[{"role":"user","content":"[[echo]]"},{"type":"function_call","call_id":"c1","name":"weather","arguments":"{}"},{"type":"function_call_output","call_id":"c1","output":[{"type":"input_text","text":"see"},{"type":"input_image","image_url":PNG_DATA},{"type":"input_file","filename":"a.pdf","file_data":PDF_DATA}]}]
    print(c.responses.create(model=asking(trip.upstream),input=h).output_text)
    print(c.responses.create(model=asking(trip.upstream),input="[[echo]]",instructions="Be.",text={"format":{"type":"json_object"}}).output_text)
    print(json.dumps(trip.sim.requests(trip.upstream)[-1].body)[:600])
