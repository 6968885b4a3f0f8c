#!/usr/bin/env python3
"""Checkpoints as they are published, imported and held against what their originals say: published_test.py CXRD PUBLISHED

PUBLISHED is tests/golden/published: what is there was made with the originals' own code (make.py), and answers/ is what that
code gave in float64. With --full behind it the official CheXFound folder is tried at its own size, too, which takes 4 GB of disk.
"""

import base64
import json
import math
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from checkpoints import floats, read_safetensors
from service import Service, program

BINARY, PUBLISHED = program(sys.argv.pop(1)), pathlib.Path(sys.argv.pop(1)).resolve()
MODELS_A_SERVICE = 16  # as many as it takes
COSINE, ERROR = 0.99999, 2e-4  # of each token; of its largest difference, in root mean squares of the token
LOGIT = 1e-4

# How docs/models.md imports each, all paths being in PUBLISHED: what stands here is all that its user types. "A+B" is a folder
# into which the files of both were put.
LABELS = "labels=labels_crlf_bom.txt"
LABELS_FOUND = (["Edema", "Mass", "Nodule"], ["Edema", "No Finding", "Pleural Effusion"])  # that file's, and a config.json's
CASES = {
    "hf_dinov2": "--backbone hf_dinov2",
    "hf_swiglu": "--backbone hf_swiglu",
    "hf_registers": "--backbone hf_registers",
    "hf_classifier": "--backbone hf_classifier --head name=head,kind=findings,weights=hf_classifier",
    "hf_registers_classifier":
        "--backbone hf_registers_classifier --head name=head,kind=findings,weights=hf_registers_classifier",
    "hf_newest": "--backbone hf_newest",
    "hf_newest_swiglu": "--backbone hf_newest_swiglu",
    "hf_newest_registers": "--backbone hf_newest_registers",
    "hf_lora": "--backbone hf_dinov2+hf_lora",
    "hf_lora_classifier": "--backbone hf_dinov2+hf_lora_classifier "
                          f"--head name=head,kind=findings,weights=hf_dinov2+hf_lora_classifier,{LABELS}",
    "hf_lora_whole": "--backbone hf_lora_whole",
    "timm_dinov2": "--backbone timm_dinov2",
    "timm_reg4": "--backbone timm_reg4.pth",
    "timm_giant": "--backbone timm_giant.safetensors",
    "timm_head": f"--backbone timm_head.pth --head name=head,kind=findings,weights=timm_head.pth,features=class,{LABELS}",
    "dinov2_pretrain": f"--backbone dinov2_pretrain.pth --head name=linear,kind=findings,weights=dinov2_linear_head.pth,{LABELS} "
                       f"--head name=linear4,kind=findings,weights=dinov2_linear4_head.pth,{LABELS} "
                       f"--head name=named,kind=findings,weights=dinov2_named_head.pth,{LABELS}",
    "dinov2_reg4_pretrain": "--backbone dinov2_reg4_pretrain.pth",
    "xray_dino_vitl16": "--backbone xray_dino_vitl16.pth",
    "chexfound": "--backbone chexfound",
    "chexfound_chunked": "--backbone chexfound_chunked",
}
# At this size the original's answers were made with a shortest edge of its own (huggingface.py), which no published file says.
EDGES = {"hf_dinov2-56x98": 112}


def run(*words):
    """Nothing here may wait for ever."""
    return subprocess.run([BINARY, *map(str, words)], capture_output=True, text=True, check=False, timeout=120, cwd=PUBLISHED,
                          stdin=subprocess.DEVNULL)


def cosine(left, right):
    product = math.fsum(a * b for a, b in zip(left, right))
    return product / math.sqrt(math.fsum(a * a for a in left) * math.fsum(b * b for b in right))


def error(found, expected):
    scale = math.sqrt(math.fsum(value * value for value in expected) / len(expected))
    return max(abs(a - b) for a, b in zip(found, expected)) / scale


def rows(values, width):
    return [values[at:at + width] for at in range(0, len(values), width)]


# What must not become a package, and words of the sentence that says why.
REFUSED = {
    "refused/avg_pool.pth": "'fc_norm.weight': a LayerNorm behind the pooling",
    "refused/cut.pth": "it is truncated. Copy or download it again",
    "refused/densenet.pth": "this is a DenseNet",
    "refused/dinov3.pth": "this is DINOv3, whose rotary position embedding is not supported",
    "refused/empty.pth": "It is empty",
    "refused/eva_x.pt": "rotary position embedding is not supported",
    "refused/half_missing.pth": "Tensor 'blocks.0.attn.proj.weight' of shape [64, 64] is missing",
    "refused/hf_dinov3": "a network of the kind 'dinov3_vit'",
    "refused/hf_dinov3/model.safetensors": "this is DINOv3, whose rotary position embedding is not supported",
    "refused/hf_vit": "a network of the kind 'vit'",
    "refused/legacy.pth": "Save it again with a newer PyTorch",
    "refused/misspelt.pth": "the nearest name it knows is 'register_tokens'",
    "refused/openai_clip.pth": "this is CLIP",
    "refused/page.pth": "a web page that was saved in the file's place",
    "refused/pickled_module.pt": "weights_only=False).state_dict()",
    "refused/pointer.safetensors": "git lfs pull",
    "refused/qk_norm.pth": "a LayerNorm of queries and keys is not supported",
    "refused/siglip.pth": "a network of images and text",
    "refused/swin.pth": "a hierarchical network",
    "refused/timm_clip.pth": "a LayerNorm before the first block is not supported",
    "hf_lora": "not the model that it adapts: copy the adapter",
    "dinov2_linear_head.pth": "It is a head and holds no backbone",
    "images": "No weights are in it",
}
# Of these inspect says no more than their names and shapes do.
REFUSED_VALUES = {
    "refused/not_finite.pth": "'norm.bias' holds a value that is not a finite number",
    "refused/beyond_half.pth": "too large for fp16. Import with --precision fp32",
}

# Changes of a published folder that make it another network, other pixels or a contradiction: (file, change, words).
CONTRADICTIONS = {
    "hf_dinov2": [
        ("config.json", {"hidden_act": "quick_gelu"}, "hidden_act is 'quick_gelu'"),
        ("config.json", {"num_attention_heads": 2}, "only heads of size 64 are supported"),
        ("config.json", {"num_hidden_layers": 3}, "num_hidden_layers: 3 but the weights have 2"),
        ("config.json", {"patch_size": 16}, "patch_size: 16 but the weights have 14"),
        ("config.json", {"use_swiglu_ffn": True}, "swiglu but the weights are of mlp"),
        ("config.json", {"num_channels": 1}, "num_channels is 1"),
        ("config.json", {"qkv_bias": False}, "by qkv_bias that there is no 'blocks.0.attn.qkv.bias'"),
        ("config.json", {"mlp_ratio": 4}, "mlp_ratio: 4, a feed-forward 256 wide, but the weights' is 128"),
        ("config.json", {"layerscale_value": 0}, "by layerscale_value that there is no 'blocks.0.ls1.gamma'"),
        ("config.json", {"hidden_size": 128}, "hidden_size: 128 but the weights have 64"),
        ("config.json", {"layer_norm_eps": 0.5}, "layer_norm_eps is not a number from 1e-12 to 0.01"),
        ("preprocessor_config.json", {"resample": 0}, "a filter that is not supported"),
        ("preprocessor_config.json", {"do_pad": True}, "padding is not supported"),
        ("preprocessor_config.json", {"do_hist_equalize": True}, "a step that this program does not know"),
        ("preprocessor_config.json", {"do_center_crop": False}, "\"do_center_crop\" is false"),
        ("preprocessor_config.json", {"do_resize": False}, "\"do_resize\" is false"),
        ("preprocessor_config.json", {"do_rescale": None}, "\"do_rescale\" is null"),
        ("preprocessor_config.json", {"size": {"longest_edge": 96}}, "\"longest_edge\", which is not supported"),
        ("preprocessor_config.json", {"image_processor_type": "SamImageProcessor"}, "the class 'SamImageProcessor'"),
    ],
    "timm_dinov2": [
        ("config.json", {"num_features": 128}, "model_args.embed_dim is not what the file says of it elsewhere"),
        ("config.json", {"model_args": {"num_heads": 2}}, "only heads of size 64 are supported"),
        ("config.json", {"model_args": {"act_layer": "quick_gelu"}}, "act_layer: quick_gelu, which is not supported"),
        ("config.json", {"model_args": {"norm_layer": "rmsnorm"}}, "model_args.norm_layer is not supported"),
        ("config.json", {"model_args": {"block_fn": "ResPostBlock"}}, "model_args.block_fn changes the network"),
        ("config.json", {"model_args": {"img_size": [252, 28]}}, "no square grid"),
        ("config.json", {"pretrained_cfg": {"crop_mode": "border"}}, "\"crop_mode\" asks for a crop"),
    ],
    "hf_registers": [("config.json", {"num_register_tokens": 2}, "num_register_tokens: 2 but the weights have 4")],
    "chexfound": [("config.json", {"num_heads": 2}, "only heads of size 64 are supported"),
                  ("config.json", {"ffn_layer": "mlp"}, "ffn_layer: mlp but the weights are of swiglu"),
                  ("config.json", {"init_values": None}, "by init_values that there is no 'blocks.0.ls1.gamma'"),
                  ("config.json", {"in_chans": 1}, "in_chans is 1"),
                  ("config.json", {"arch": "vit_large", "embed_dim": None}, "'vit_large', of width 1024 and depth 24")],
    "timm_dinov2": [("config.json", {"model_args": {"depth": 3}}, "num_hidden_layers: 3 but the weights have 2"),
                    ("config.json", {"model_args": {"in_chans": 1}}, "model_args.in_chans is not 3"),
                    ("config.json", {"model_args": {}}, "'vit_small_patch14_dinov2', of width 384 and depth 12")],
    "hf_dinov2+hf_lora": [
        ("adapter_config.json", {"use_dora": True}, "\"use_dora\", which is not supported"),
        ("adapter_config.json", {"bias": "all"}, "merge_and_unload"),
        ("adapter_config.json", {"rank_pattern": {"query": 8}}, "\"rank_pattern\""),
        ("adapter_config.json", {"use_dora": "true"}, "\"use_dora\" is neither true nor false"),
        ("adapter_config.json", {"use_qalora": True}, "\"use_qalora\", which is not supported"),
        ("adapter_config.json", {"alora_invocation_tokens": [5]}, "\"alora_invocation_tokens\", which is not supported"),
        ("adapter_config.json", {"of_tomorrow": 1}, "\"of_tomorrow\", which this program does not know"),
        ("adapter_config.json", {"r": 8}, "rank 4 and adapter_config.json says r: 8"),
        ("adapter_config.json", {"peft_type": "IA3"}, "'IA3', and only LORA"),
    ],
}


class Expected:
    """The answers of one case at one size: {picture: {"class" or "patch" or "logits.<head>": tensor}}."""

    def __init__(self, case):
        self.sizes = {}
        for key, (_, shape, data) in read_safetensors(PUBLISHED / "answers" / f"{case}.safetensors").items():
            picture, size, name = re.fullmatch(r"(\w+)@(native|\d+x\d+)\.([\w.]+)", key).groups()
            self.sizes.setdefault(size, {}).setdefault(picture, {})[name] = (shape, floats(data))


class InFolder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))

    def together(self, word):
        """Puts the folder in the place of the "A+B" that stands for it."""
        def copied(found):
            folder = self.folder / "together" / found[0]
            for part in found[0].split("+"):
                shutil.copytree(PUBLISHED / part, folder, dirs_exist_ok=True)
            return str(folder)
        return re.sub(r"\w+\+\w+", copied, word)


class Published(InFolder):
    """Every case at its own size and at others, square and rectangular."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.worst = {}

    def package(self, words, name, size="native"):
        options = [] if size == "native" else ["--image-size", size]
        if name in EDGES:
            height, width = map(int, size.split("x"))
            settings = json.loads((PUBLISHED / words.split()[1] / "preprocessor_config.json").read_text())
            settings |= {"size": {"shortest_edge": EDGES[name]}, "crop_size": {"height": height, "width": width}}
            (self.folder / f"{name}.json").write_text(json.dumps(settings))
            options = ["--preprocessor", self.folder / f"{name}.json"]
        words = [self.together(word) for word in words.split()]
        if size == "native":
            shown = run("inspect", words[1])
            self.assertEqual(shown.returncode, 0, shown.stderr)
            self.assertIn("To import it", shown.stdout)
            self.assertNotIn("in the way", shown.stdout)
        done = run("import", *words, *options, "--precision", "fp32", "--name", name, "--output", self.folder / name)
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.folder / name

    def packages(self, cases):
        """[(name, folder, answers)] of all cases and sizes; a case that cannot be imported fails alone."""
        made = []
        for case, (answers, words) in cases.items():
            for size, expected in Expected(answers).sizes.items():
                with self.subTest(case=case, size=size):
                    name = f"{case}-{size}"
                    made.append((name, self.package(words, name, size), expected))
        return made

    def hold(self, running, name, picture, expected):
        image = (PUBLISHED / "images" / f"{picture}.png").read_bytes()
        answer = running.post(f"/embed?tokens=class,patch&model={name}", "image/png", image)
        self.assertEqual(answer.code, 200, answer.body)
        (one,) = answer.json["embeddings"]
        shape, values = expected["patch"]
        self.assertEqual(one["patch"]["shape"], shape)
        found = rows(floats(base64.b64decode(one["patch"]["data"])), shape[1]) + [one["class"]]
        wanted = rows(values, shape[1]) + [expected["class"][1]]
        for number, (left, right) in enumerate(zip(found, wanted, strict=True)):
            self.worst[name] = max(self.worst.get(name, 0), error(left, right))
            self.assertGreater(cosine(left, right), COSINE, f"token {number}")
            self.assertLess(error(left, right), ERROR, f"token {number}")
        logits = {key.split(".", 1)[1]: tensor[1] for key, tensor in expected.items() if key.startswith("logits.")}
        if logits:
            (one,) = running.post(f"/predict?attention=none&model={name}", "image/png", image).predictions
            for head, wanted in logits.items():
                findings = [finding for finding in one["findings"] if finding["head"] == head]
                self.assertIn([finding["label"] for finding in findings], LABELS_FOUND, head)
                for left, right in zip((finding["logit"] for finding in findings), wanted, strict=True):
                    self.assertLess(abs(left - right), LOGIT * max(1, abs(right)), head)

    def check(self, cases):
        made = self.packages(cases)
        for start in range(0, len(made), MODELS_A_SERVICE):
            part = made[start:start + MODELS_A_SERVICE]
            more = [word for _, folder, _ in part[1:] for word in ("--model", str(folder))]
            with Service(BINARY, "--precision", "fp32", "--rung", "portable", *more, model=part[0][1]) as running:
                for name, _, pictures in part:
                    for picture, expected in pictures.items():
                        with self.subTest(model=name, picture=picture):
                            self.hold(running, name, picture, expected)

    def test_each_form_answers_as_its_original(self):
        self.check({case: (case, words) for case, words in CASES.items()})

    def test_one_network_in_every_wrapping(self):
        self.check({path.name.replace(".", "_"): ("wrapped", f"--backbone wrapped/{path.name} --profile dinov2")
                    for path in sorted((PUBLISHED / "wrapped").iterdir())})

    @classmethod
    def tearDownClass(cls):
        for name, worst in cls.worst.items():
            print(f"{name}: largest difference {worst:.1e} of a token's root mean square")


class Moved(InFolder):
    """What a package's head says of itself, when its file goes elsewhere."""

    def package(self, name, backbone, *options):
        done = run("import", "--backbone", backbone, "--output", self.folder / name, *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.folder / name

    def add(self, package, name, weights, *options, kind="findings", code=0):
        done = run("head", "add", "--model", package, *options, "--head", f"name={name},kind={kind},weights={weights}")
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr

    def test_a_head_that_was_trained_with_a_backbone_goes_with_no_other(self):
        for number, folder in enumerate(("hf_classifier", self.together("hf_dinov2+hf_lora_classifier"))):
            own = self.package(f"own{number}", folder, "--head", f"name=c,kind=findings,weights={folder},{LABELS}")
            other = self.package(f"other{number}", "hf_dinov2")
            self.assertIn("It was trained together with the backbone of its own package", self.add(other, "c", own / "head.c.safetensors", code=1))
            self.assertIn("It was a package's head of kind=findings", self.add(own, "d", own / "head.c.safetensors", kind="risk", code=2))
            again = self.package(f"again{number}", folder, "--precision", "fp32")
            self.add(again, "c", own / "head.c.safetensors")
            self.assertIn("It was trained together", self.add(other, "c", again / "head.c.safetensors", code=1))

    def test_a_head_of_another_backbone_is_named(self):
        labels = self.folder / "labels.txt"
        labels.write_text("".join(f"label {i}\n" for i in range(3)))
        head = f"name=a,kind=findings,weights=dinov2_linear_head.pth,labels={labels}"
        first, other = self.package("first", "dinov2_pretrain.pth", "--head", head), self.package("second", "dinov2_reg4_pretrain.pth")
        self.assertIn("Head 'a' comes from a package of another backbone", self.add(other, "a", first / "head.a.safetensors"))
        self.assertNotIn("another backbone", self.add(first, "b", first / "head.a.safetensors"))

    def test_float32_stays(self):
        package = self.package("wide", "hf_classifier")
        self.add(package, "a", "hf_classifier", "--precision", "fp32")
        kept = self.folder / "kept.safetensors"
        kept.write_bytes((package / "head.a.safetensors").read_bytes())
        self.assertEqual(run("head", "remove", "--model", package, "--head", "a").returncode, 0)
        self.assertNotIn("rounded", self.add(package, "a", kept))
        self.assertEqual((package / "head.a.safetensors").read_bytes(), kept.read_bytes())
        self.assertIn("Head 'b' has matrices of float32 in its package, which are rounded to float16", self.add(package, "b", kept, "--precision", "fp16"))


class Refused(InFolder):
    """Nothing of these is written, and what is said is of use to a stranger."""

    def refuse(self, source, words, *options):
        output = self.folder / "package"
        done = run("import", "--backbone", source, "--output", output, "--image-size", "84", *options)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertRegex(done.stderr, r"^cxrd import: [^\n]+\.\n$")
        self.assertIn(words, done.stderr)
        self.assertEqual([path.name for path in self.folder.iterdir() if path.name.startswith(("package", ".package"))], [])
        return done.stderr

    def test_each_is_told_why(self):
        for path, words in {**REFUSED, **REFUSED_VALUES}.items():
            with self.subTest(path):
                self.assertIn(f"{path}", self.refuse(path, words))
                if path in REFUSED:
                    shown = run("inspect", path)
                    self.assertIn(words, shown.stdout + shown.stderr)
                    self.assertNotIn("cxrd import --backbone", shown.stdout)

    def test_what_contradicts_its_configuration(self):
        for base, changes in CONTRADICTIONS.items():
            for file, change, words in changes:
                with self.subTest(base=base, **change):
                    folder = self.folder / "changed"
                    shutil.rmtree(folder, ignore_errors=True)
                    for part in base.split("+"):
                        shutil.copytree(PUBLISHED / part, folder, dirs_exist_ok=True)
                    settings = json.loads((folder / file).read_text())
                    (folder / file).write_text(json.dumps({**settings, **change}))
                    self.refuse(folder, words)

    def test_a_file_that_says_nothing(self):
        """In the place of one that would have."""
        for file in ("config.json", "preprocessor_config.json"):
            for content, words in (("{}", "an empty object"), ("[]", "a list"), ("Entry not found", ""), ("", "It is empty"),
                                   ("<!DOCTYPE html>", "a web page"), ("version https://git-lfs.github.com/spec/v1\n", "git lfs pull")):
                with self.subTest(file=file, content=content):
                    folder = self.folder / "changed"
                    shutil.rmtree(folder, ignore_errors=True)
                    shutil.copytree(PUBLISHED / "hf_dinov2", folder)
                    (folder / file).write_text(content)
                    self.assertIn(file, self.refuse(folder, words))
        self.assertIn("give it as --config", self.refuse("hf_dinov2", "", "--preprocessor", "hf_dinov2/config.json"))
        self.assertIn("give it as --preprocessor", self.refuse("hf_dinov2", "", "--config", "hf_dinov2/preprocessor_config.json"))

    def test_one_file_of_several(self):
        shard = min((PUBLISHED / "hf_swiglu").glob("model-*.safetensors"))
        self.refuse(shard, "By its name it is one of 2 files")

    def test_a_processor_of_its_own_is_taken_with_a_word(self):
        folder = self.folder / "own"
        shutil.copytree(PUBLISHED / "hf_dinov2", folder)
        settings = json.loads((folder / "preprocessor_config.json").read_text())
        settings |= {"auto_map": {"AutoImageProcessor": "processing.Processor"}, "do_hist_equalize": False}
        (folder / "preprocessor_config.json").write_text(json.dumps(settings))
        done = run("import", "--backbone", folder, "--output", self.folder / "of_its_own")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("names code of its own, which is not run", done.stderr)

    def test_students_weights_are_taken_with_a_word(self):
        done = run("import", "--backbone", "wrapped/student_only.pth", "--output", self.folder / "student")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("These are a student's weights", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
