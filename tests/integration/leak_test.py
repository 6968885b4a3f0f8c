#!/usr/bin/env python3
"""No leak and no memory error after 160 requests under valgrind: leak_test.py CXRD [MODEL]

Valgrind cannot work under the decoders' filter of system calls, so they go without. A driver on the CPU is told not to
unload its compiled code; what it leaks itself is in valgrind.supp.
"""

import base64
import json
import pathlib
import sys

from service import FORM, Service, form, png, under

HERE = pathlib.Path(__file__).resolve().parent
VALGRIND = (
    "valgrind --quiet --leak-check=full --errors-for-leak-kinds=definite --show-leak-kinds=definite "
    f"--error-exitcode=99 --suppressions={HERE / 'valgrind.supp'}")
REQUESTS = 160


def main(binary, model="demo"):
    picture = png(300, 280)
    kinds = ["/predict", "/predict?attention=overlay", "/predict?attention=png&attention_for=top:2", "/predict?hat=1",
             "/embed?tokens=class,mean,patch"]
    with Service(under(VALGRIND, binary), "--decoder-sandbox", "off", "--cors-origins", "https://a.example", model=model) as running:
        for number in range(REQUESTS // 8):
            target = kinds[number % len(kinds)]
            running.post(target, "image/png", picture)
            running.post(target, FORM, form([("a", picture), ("b", b"no picture")]))
            running.post(target, "application/json", '{"images":[{"data":"AAAA"}],"threshold":0.5}')
            running.request("GET", "/models", headers={"Accept-Encoding": "gzip", "Origin": "https://a.example"})
            running.get("/metrics")
            name = running.get("/models").json["models"][0]["name"]
            running.post(f"/v2/models/{name}/infer", "application/json", json.dumps({"inputs": [{
                "name": "image", "datatype": "BYTES", "shape": [1], "data": [base64.b64encode(picture).decode()]}],
                "parameters": {"binary_data_output": bool(number % 2)}}))
            running.post(f"/v2/models/{name}/infer", "application/json", "{}")
        code = running.stop(seconds=600)
        print(running.errors() if code else f"{REQUESTS} requests, no leak")
        return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
