import asyncio, httpx, uvicorn, collections, json
from urllib.parse import quote
import pytest
import schemathesis
from hypothesis import given, settings, HealthCheck, Phase
from tests.events.stage import *
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")
async def test_fuzz(stage):
    a=await stage.published(childcare={"places":5}); r=await stage.register(a)
    d=await stage.published(registration_mode="none")
    await stage.network.move(timedelta(days=7,minutes=1))
    f=await stage.published(childcare={"places":5},starts="2040-01-01T00:00:00Z",ends="2040-01-01T02:00:00Z",capacity=None)
    app=stage.network["events"].app
    server=uvicorn.Server(uvicorn.Config(app,port=0,lifespan="off",log_config=None))
    t=asyncio.create_task(server.serve())
    while not server.started: await asyncio.sleep(0.05)
    port=server.servers[0].sockets[0].getsockname()[1]
    schema=schemathesis.openapi.from_dict(app.openapi())
    found=collections.Counter(); bad=[]; ids=[x.rsplit("/",1)[1] for x in (a,d,f)]; n=[0]
    def fuzz():
        with httpx.Client(base_url=f"http://127.0.0.1:{port}",timeout=20) as c:
            for res in schema.get_all_operations():
                op=res.ok()
                if op.method.lower()=="get" or op.path.startswith(("/v1/clock","/health","/v1/parked","/v1/links")): continue
                @settings(max_examples=30,deadline=None,database=None,suppress_health_check=list(HealthCheck),phases=[Phase.generate])
                @given(case=op.as_strategy())
                def go(case):
                    n[0]+=1
                    pp=dict(case.path_parameters or {})
                    if "event_id" in pp: pp["event_id"]=ids[n[0]%3]
                    if "registration_id" in pp: pp["registration_id"]=r["id"]
                    path=op.path
                    for k,v in pp.items(): path=path.replace("{%s}"%k, quote(str(v),safe="",errors="replace") or "x")
                    h={k:v.encode() for k,v in stage.coordinator.items()}|{"content-type":b"application/json","if-match":b'"%d"'%(n[0]%5)}
                    body=case.body
                    if isinstance(body,dict) and "partner_id" in body: body=body|{"partner_id":str(stage.partner_id),"region":"15087"}
                    if isinstance(body,dict) and "project_id" in body: body=body|{"project_id":None}
                    kw={}
                    try: kw["content"]=json.dumps(body)
                    except Exception: pass
                    try: resp=c.request(op.method.upper(),path,headers=h,**kw)
                    except (httpx.HTTPError,UnicodeError,ValueError,TypeError) as e: found["client-"+type(e).__name__]+=1; return
                    slug=resp.json().get("slug") if resp.headers.get("content-type","").startswith("application/problem") else ""
                    found[(op.method,op.path,resp.status_code,slug)]+=1
                    if resp.status_code>=500: bad.append((op.method,path,resp.status_code,resp.text[:200],str(body)[:300]))
                try: go()
                except Exception as e: bad.append(("gen",op.path,repr(e)[:200]))
    await asyncio.to_thread(fuzz)
    server.should_exit=True; await t
    for k,v in sorted(found.items(),key=str): print(k,v)
    print("BAD",len(bad))
    for b in bad[:20]: print(b)
    assert 0
