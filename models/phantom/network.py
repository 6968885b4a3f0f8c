"""The phantom network: a small CheXFound-shaped backbone, a GLoRI findings head and a linear risk head.

Module names are the key names of the published checkpoints, so a state_dict saved under the right prefix is a
checkpoint in the authors' layout.
"""

import torch
from torch import nn
from torch.nn import functional

PATCH_SIZE = 16
IMAGE_SIZE = 192
GRID = IMAGE_SIZE // PATCH_SIZE
WIDTH = 128
DEPTH = 6
HEAD_WIDTH = 64
REGISTERS = 4
BLOCKS_TAKEN = 4  # last blocks whose features the heads take
GLORI_WIDTH = 384
GLORI_HEADS = 8
GLORI_FFN = 2048
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
NOTHING = torch.zeros(1, 1, 1)


def preprocess(pixels):
    """uint8 [B,S,S] grey crops -> float [B,3,S,S]: min-max over the crop, then ImageNet mean and std."""
    grey = pixels.float() / 255
    low = grey.amin(dim=(1, 2), keepdim=True)
    high = grey.amax(dim=(1, 2), keepdim=True)
    grey = (grey - low) / (high - low)
    mean = torch.tensor(MEAN).view(1, 3, 1, 1)
    std = torch.tensor(STD).view(1, 3, 1, 1)
    return (grey.unsqueeze(1) - mean) / std


def grid_waves():
    """Sines and cosines of row and column [1,1+patches,D]: where the position embedding starts from."""
    rates = 1 / 100 ** (torch.arange(WIDTH // 4) / (WIDTH // 4))
    angles = torch.arange(GRID)[:, None] * rates
    waves = torch.cat((angles.sin(), angles.cos()), dim=1)
    rows = waves[:, None].expand(-1, GRID, -1)
    columns = waves[None].expand(GRID, -1, -1)
    patches = torch.cat((rows, columns), dim=2).reshape(1, GRID * GRID, WIDTH)
    return torch.cat((torch.zeros(1, 1, WIDTH), 0.3 * patches), dim=1)


class PatchEmbedding(nn.Module):
    def __init__(self):
        super().__init__()
        self.proj = nn.Conv2d(3, WIDTH, PATCH_SIZE, PATCH_SIZE)

    def forward(self, images):
        batch = images.shape[0]
        patches = images.view(batch, 3, GRID, PATCH_SIZE, GRID, PATCH_SIZE).permute(0, 2, 4, 1, 3, 5)
        patches = patches.reshape(batch, GRID * GRID, -1)
        return functional.linear(patches, self.proj.weight.flatten(1), self.proj.bias)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, x, scale):
        batch, tokens, _ = x.shape
        qkv = self.qkv(x).view(batch, tokens, 3, -1, HEAD_WIDTH).permute(2, 0, 3, 1, 4).flatten(1, 2)
        scores = torch.baddbmm(NOTHING, qkv[0], qkv[1].transpose(1, 2), beta=0, alpha=HEAD_WIDTH**-0.5)
        mixed = torch.bmm(scores.softmax(-1), qkv[2]).view(batch, -1, tokens, HEAD_WIDTH)
        return scale.after(self.proj, mixed.transpose(1, 2).reshape(batch, tokens, WIDTH))


class SwiGlu(nn.Module):
    def __init__(self):
        super().__init__()
        hidden = (int(4 * WIDTH * 2 / 3) + 7) // 8 * 8
        self.w12 = nn.Linear(WIDTH, 2 * hidden)
        self.w3 = nn.Linear(hidden, WIDTH)

    def forward(self, x, scale):
        gate, value = self.w12(x).chunk(2, dim=-1)
        return scale.after(self.w3, functional.silu(gate) * value)


class LayerScale(nn.Module):
    def __init__(self, initial):
        super().__init__()
        self.gamma = nn.Parameter(torch.full((WIDTH,), initial))

    def after(self, linear, x):
        """gamma * linear(x), with gamma applied to the few weights rather than to every token."""
        return functional.linear(x, self.gamma[:, None] * linear.weight, self.gamma * linear.bias)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH, eps=1e-6)
        self.attn = Attention()
        self.ls1 = LayerScale(0.5)
        self.norm2 = nn.LayerNorm(WIDTH, eps=1e-6)
        self.mlp = SwiGlu()
        self.ls2 = LayerScale(0.5)

    def forward(self, x):
        x = x + self.attn(self.norm1(x), self.ls1)
        return x + self.mlp(self.norm2(x), self.ls2)


def whitened_patches(crops):
    """Patch embedding to start from: each unit looks for one principal component of the patches of drawings.

    The components are scaled to like variance, so that thin lines and edges are seen from the first step; the floor
    keeps noise from being raised as well.
    """
    images = preprocess(crops)
    patches = functional.unfold(images, PATCH_SIZE, stride=PATCH_SIZE).transpose(1, 2).reshape(-1, 3 * PATCH_SIZE**2)
    mean = patches.mean(0)
    variances, components = torch.linalg.eigh((patches - mean).T @ (patches - mean) / len(patches))
    variances, components = variances[-WIDTH:].flip(0), components[:, -WIDTH:].flip(1)
    weight = (components / (variances + 0.01 * variances.mean()).sqrt()).T
    return weight.view(WIDTH, 3, PATCH_SIZE, PATCH_SIZE), -weight @ mean


class Backbone(nn.Module):
    """Images [B,3,S,S] -> class tokens and patch tokens of the last blocks: 4 x [B,D], 4 x [B,patches,D]."""

    def __init__(self):
        super().__init__()
        self.cls_token = nn.Parameter(0.02 * torch.randn(1, 1, WIDTH))
        self.pos_embed = nn.Parameter(grid_waves())
        self.register_tokens = nn.Parameter(0.02 * torch.randn(1, REGISTERS, WIDTH))
        self.patch_embed = PatchEmbedding()
        self.blocks = nn.ModuleList(Block() for _ in range(DEPTH))
        self.norm = nn.LayerNorm(WIDTH, eps=1e-6)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=module.in_features**-0.5)
                nn.init.zeros_(module.bias)

    def forward(self, images):
        batch = images.shape[0]
        x = torch.cat((self.cls_token.expand(batch, -1, -1), self.patch_embed(images)), dim=1) + self.pos_embed
        x = torch.cat((x[:, :1], self.register_tokens.expand(batch, -1, -1), x[:, 1:]), dim=1)
        features = []
        for block in self.blocks:
            x = block(x)
            features.append(x)
        features = [self.norm(x) for x in features[-BLOCKS_TAKEN:]]
        return [x[:, 0] for x in features], [x[:, 1 + REGISTERS :] for x in features]


class CrossAttention(nn.Module):
    """Packed 8-head cross-attention of fixed queries to a memory that is key and value at once.

    The key projection is applied to the few queries rather than to every patch; the key bias moves all of a
    query's scores alike and so cancels in the softmax.
    """

    def __init__(self):
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.empty(3 * GLORI_WIDTH, GLORI_WIDTH))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * GLORI_WIDTH))
        self.out_proj = nn.Linear(GLORI_WIDTH, GLORI_WIDTH)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def forward(self, queries, memory):
        batch, patches, width = memory.shape
        classes = queries.shape[0]
        weight_q, weight_k, weight_v = self.in_proj_weight.view(3, width, width)
        bias_q, _, bias_v = self.in_proj_bias.view(3, width)
        per_head = functional.linear(queries, weight_q, bias_q).view(classes, GLORI_HEADS, -1)
        probes = torch.einsum("chd,hde->hce", per_head, weight_k.view(GLORI_HEADS, -1, width))
        scores = functional.linear(memory, probes.reshape(-1, width)) * (width // GLORI_HEADS) ** -0.5
        weights = scores.transpose(1, 2).softmax(-1)  # [B, heads*classes, patches]
        sums = torch.bmm(weights, memory).view(batch, GLORI_HEADS, classes, width)
        values = torch.einsum("bhce,hde->bchd", sums, weight_v.view(GLORI_HEADS, -1, width))
        values = values.reshape(batch, classes, width) + bias_v
        return self.out_proj(values), weights.view(batch, GLORI_HEADS, classes, patches)


class DecoderLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.multihead_attn = CrossAttention()
        self.norm1 = nn.LayerNorm(GLORI_WIDTH)
        self.norm2 = nn.LayerNorm(GLORI_WIDTH)
        self.norm3 = nn.LayerNorm(GLORI_WIDTH)
        self.linear1 = nn.Linear(GLORI_WIDTH, GLORI_FFN)
        self.linear2 = nn.Linear(GLORI_FFN, GLORI_WIDTH)

    def forward(self, queries, memory):
        targets = self.norm1(2 * queries)
        mixed, weights = self.multihead_attn(targets, memory)
        targets = self.norm2(targets + mixed)
        targets = self.norm3(targets + self.linear2(functional.relu(self.linear1(targets))))
        return targets, weights


class Glori(nn.Module):
    """Class tokens and patch tokens -> logits [B,C] and attention maps [B,heads,C,patches]."""

    def __init__(self, classes):
        super().__init__()
        memory_width = BLOCKS_TAKEN * WIDTH
        self.embed_standart = nn.Linear(memory_width, GLORI_WIDTH)
        self.query_embed = nn.Embedding(classes, GLORI_WIDTH)
        self.query_embed.weight.requires_grad_(False)
        self.layers = nn.ModuleList([DecoderLayer()])
        self.duplicate_pooling = nn.Parameter(torch.empty(classes, memory_width + GLORI_WIDTH, 1))
        self.duplicate_pooling_bias = nn.Parameter(torch.zeros(classes))
        nn.init.normal_(self.duplicate_pooling, std=0.02)

    def forward(self, class_tokens, patch_tokens):
        memory = functional.relu(self.embed_standart(torch.cat(patch_tokens, dim=-1)))
        targets, weights = self.layers[0](self.query_embed.weight, memory)
        cls = torch.cat(class_tokens, dim=-1)[:, None].expand(-1, targets.shape[1], -1)
        joined = torch.cat((cls, targets), dim=-1)
        return (joined * self.duplicate_pooling[:, :, 0]).sum(-1) + self.duplicate_pooling_bias, weights


class LinearHead(nn.Module):
    """Class tokens of the last blocks and the mean patch token of the last one -> logits [B,outputs]."""

    def __init__(self, outputs):
        super().__init__()
        self.linear = nn.Linear((BLOCKS_TAKEN + 1) * WIDTH, outputs)
        nn.init.normal_(self.linear.weight, std=0.02)
        nn.init.zeros_(self.linear.bias)

    def forward(self, class_tokens, patch_tokens):
        return self.linear(torch.cat((*class_tokens, patch_tokens[-1].mean(1)), dim=-1))


class Phantom(nn.Module):
    def __init__(self, findings):
        super().__init__()
        self.backbone = Backbone()
        self.findings = Glori(findings)
        self.risk = LinearHead(1)

    def forward(self, pixels):
        """uint8 [B,S,S] -> findings logits [B,C], risk logit [B], attention [B,heads,C,patches], patch tokens."""
        class_tokens, patch_tokens = self.backbone(preprocess(pixels))
        logits, weights = self.findings(class_tokens, patch_tokens)
        return logits, self.risk(class_tokens, patch_tokens)[:, 0], weights, patch_tokens
