#!/usr/bin/env python3
"""The same GEMMs by ncnn's Vulkan backend, for docs/performance.md: ncnn_gemm.py [--runs 5]

Each product is an InnerProduct layer on the whole matrix of rows, in float32 and with what ncnn turns on by default
(float16 where the device has it). The time includes bringing 4 to 11 MB of rows there and back. PyPI: ncnn, numpy.
"""

import argparse
import time

import ncnn
import numpy

# The GEMMs of ViT-L/16 at 512 x 512: rows, columns, depth.
PRODUCTS = {"qkv": (1029, 3072, 1024), "projection": (1029, 1024, 1024), "ffn in": (1029, 5472, 1024),
            "ffn out": (1029, 1024, 2736)}


def network(columns, depth, weights, half):
    net = ncnn.Net()
    net.opt.use_vulkan_compute = True
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = half
    net.load_param_mem(f"7767517\n2 2\nInput rows 0 1 rows\n"
                       f"InnerProduct product 1 1 rows product 0={columns} 1=0 2={columns * depth}\n")
    net.load_model_mem(numpy.uint32(0).tobytes() + weights.tobytes()) # 0: the tag of plain float32
    return net


def best_s(net, rows, runs):
    best = float("inf")
    for run in range(runs + 1): # the first compiles
        extractor = net.create_extractor()
        started = time.perf_counter()
        extractor.input("rows", ncnn.Mat(rows))
        _, product = extractor.extract("product")
        if run:
            best = min(best, time.perf_counter() - started)
    return best, numpy.array(product)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    ncnn.create_gpu_instance()
    print(f"ncnn {ncnn.__version__} on {ncnn.get_gpu_info(0).device_name()}")
    random = numpy.random.default_rng(1)
    for label, (m, n, k) in PRODUCTS.items():
        rows = random.standard_normal((m, k), dtype=numpy.float32)
        weights = random.standard_normal((n, k), dtype=numpy.float32) / k ** 0.5
        for half in (False, True):
            net = network(n, k, weights, half)
            seconds, product = best_s(net, rows, runs)
            error = abs(product[-1] - weights @ rows[-1]).max()
            assert error < (5e-2 if half else 1e-3), error
            print(f"{label:10} {m:5} x {n:5} x {k:5}  {'default' if half else 'float32'}  {1e3 * seconds:8.1f} ms  "
                  f"{2e-9 * m * n * k / seconds:8.1f} GFLOP/s", flush=True)
            del net
    ncnn.destroy_gpu_instance()


if __name__ == "__main__":
    main()
