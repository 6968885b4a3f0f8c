"""CheXFound's network as its authors compute it, in PyTorch with random weights: the peer that cxrd is measured beside.

ViT with registers, SwiGLU and LayerScale (dinov2's blocks) and one GLoRI findings head on its last four blocks. Two forms
of attention: "reference" is softmax(q k^T) v written out, as the authors' published code does it; "fused" calls
scaled_dot_product_attention.
"""

import torch
from torch import nn
from torch.nn import functional

REGISTERS = 4
BLOCKS_TAKEN = 4
CLASSES, GLORI_WIDTH, GLORI_HEADS, GLORI_INNER = 40, 768, 8, 2048
# name: width, depth, patch, image side; as in cli/bench_model.c
ARCHITECTURES = {"vitl16-512": (1024, 24, 16, 512), "vitb16-512": (768, 12, 16, 512),
                 "vits16-512": (384, 12, 16, 512), "vitg14-518": (1536, 40, 14, 518)}


def sizes(architecture):
    """Width, depth, patch and side of a name, whose side may be another that the patch divides."""
    family, side = architecture.split("-")
    width, depth, patch, _ = next(sizes for name, sizes in ARCHITECTURES.items() if name.split("-")[0] == family)
    return width, depth, patch, int(side)


class Block(nn.Module):
    def __init__(self, width, fused):
        super().__init__()
        hidden = (int(4 * width * 2 / 3) + 7) // 8 * 8
        self.heads, self.fused = width // 64, fused
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.w12, self.w3 = nn.Linear(width, 2 * hidden), nn.Linear(hidden, width)
        self.gamma1, self.gamma2 = nn.Parameter(torch.ones(width)), nn.Parameter(torch.ones(width))

    def attention(self, x):
        batch, tokens, width = x.shape
        q, k, v = self.qkv(x).reshape(batch, tokens, 3, self.heads, 64).permute(2, 0, 3, 1, 4).unbind(0)
        if self.fused:
            mixed = functional.scaled_dot_product_attention(q, k, v)
        else:
            mixed = (q * 0.125 @ k.transpose(-2, -1)).softmax(dim=-1) @ v
        return self.proj(mixed.transpose(1, 2).reshape(batch, tokens, width))

    def forward(self, x):
        x = x + self.gamma1 * self.attention(self.norm1(x))
        gate, up = self.w12(self.norm2(x)).chunk(2, dim=-1)
        return x + self.gamma2 * self.w3(functional.silu(gate) * up)


class Glori(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.embed = nn.Linear(BLOCKS_TAKEN * width, GLORI_WIDTH)
        self.query = nn.Parameter(torch.randn(CLASSES, GLORI_WIDTH))
        self.attention = nn.MultiheadAttention(GLORI_WIDTH, GLORI_HEADS, batch_first=True)
        self.norms = nn.ModuleList(nn.LayerNorm(GLORI_WIDTH) for _ in range(3))
        self.linear1, self.linear2 = nn.Linear(GLORI_WIDTH, GLORI_INNER), nn.Linear(GLORI_INNER, GLORI_WIDTH)
        self.pool, self.bias = nn.Parameter(torch.randn(CLASSES, GLORI_WIDTH)), nn.Parameter(torch.zeros(CLASSES))

    def forward(self, memory):
        m = functional.relu(self.embed(memory))
        t = self.norms[0](2 * self.query).expand(len(memory), -1, -1)
        out, weights = self.attention(t, m, m, average_attn_weights=False)
        t = self.norms[1](t + out)
        t = self.norms[2](t + self.linear2(functional.relu(self.linear1(t))))
        return (t * self.pool).sum(-1) + self.bias, weights.mean(1)


class Network(nn.Module):
    """Images [B,3,S,S], normalised -> logits [B,C] and attention maps [B,C,patches]."""

    def __init__(self, architecture, fused):
        super().__init__()
        width, depth, patch, side = sizes(architecture)
        self.side = side
        self.patch_embed = nn.Conv2d(3, width, patch, patch)
        self.cls_token = nn.Parameter(torch.randn(1, 1, width))
        self.register_tokens = nn.Parameter(torch.randn(1, REGISTERS, width))
        self.pos_embed = nn.Parameter(torch.randn(1, 1 + (side // patch) ** 2, width))
        self.blocks = nn.ModuleList(Block(width, fused) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.glori = Glori(width)

    def forward(self, images):
        batch = len(images)
        patches = self.patch_embed(images).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls_token.expand(batch, -1, -1), patches), dim=1) + self.pos_embed
        x = torch.cat((x[:, :1], self.register_tokens.expand(batch, -1, -1), x[:, 1:]), dim=1)
        features = []
        for block in self.blocks:
            x = block(x)
            features.append(x)
        memory = torch.cat([self.norm(x)[:, 1 + REGISTERS :] for x in features[-BLOCKS_TAKEN:]], dim=-1)
        return self.glori(memory)
