/** Equal part number `index` of `count`, along the first axis, of a tensor that holds several: timm's `qkv`. */
export interface Part {
  readonly name: string;
  readonly index: number;
  readonly count: number;
}

/**
 * Canonical names to names on disk. A name stands for its `.weight` and `.bias` too; `{i}` is the number of a block.
 * The canonical names are those that `vision-transformer.ts` asks for.
 */
export type Names = Readonly<Record<string, string | Part>>;

export function part(name: string, index: number, count: number): Part {
  return {name, index, count};
}

/** Where a canonical name stands on disk, without prefix; undefined where this way of naming has no such tensor. */
export function nameOnDisk(names: Names, canonical: string): Part | undefined {
  const block = /\d+/.exec(canonical)?.[0] ?? '';
  const general = canonical.replace(/^blocks\.\d+/, 'blocks.{i}');
  const [, stem, suffix] = /^(.*?)(\.weight|\.bias)?$/.exec(general)!;
  const whole = names[general];
  const found = whole ?? names[stem!];
  if (found === undefined) return undefined;
  const {name, index, count} = typeof found === 'string' ? part(found, 0, 1) : found;
  const end = whole === undefined ? (suffix ?? '') : '';
  return part(name.replace('{i}', block) + end, index, count);
}

/** What ViT, DeiT, BEiT, DINOv2 and MAE share in transformers. */
export const embeddings: Names = {
  cls_token: 'embeddings.cls_token',
  pos_embed: 'embeddings.position_embeddings',
  patch_embed: 'embeddings.patch_embeddings.projection',
  norm: 'layernorm',
  head: 'classifier',
};

const norms: Names = {
  'blocks.{i}.norm1': 'encoder.layer.{i}.layernorm_before',
  'blocks.{i}.norm2': 'encoder.layer.{i}.layernorm_after',
};

/** The same names with another word for the blocks. */
export function moved(names: Names, from: string, to: string): Names {
  return Object.fromEntries(
    Object.entries(names).map(([canonical, name]) => [
      canonical,
      typeof name === 'string' ? name.replace(from, to) : name,
    ]),
  );
}

/** Attention as transformers names it on disk, and as version 5 names it in memory. */
export const attention: Names = {
  'blocks.{i}.attn.q': 'encoder.layer.{i}.attention.attention.query',
  'blocks.{i}.attn.k': 'encoder.layer.{i}.attention.attention.key',
  'blocks.{i}.attn.v': 'encoder.layer.{i}.attention.attention.value',
  'blocks.{i}.attn.proj': 'encoder.layer.{i}.attention.output.dense',
};
export const attentionInMemory: Names = {
  'blocks.{i}.attn.q': 'encoder.layer.{i}.attention.q_proj',
  'blocks.{i}.attn.k': 'encoder.layer.{i}.attention.k_proj',
  'blocks.{i}.attn.v': 'encoder.layer.{i}.attention.v_proj',
  'blocks.{i}.attn.proj': 'encoder.layer.{i}.attention.o_proj',
};

const mlp: Names = {
  'blocks.{i}.mlp.fc1': 'encoder.layer.{i}.intermediate.dense',
  'blocks.{i}.mlp.fc2': 'encoder.layer.{i}.output.dense',
};
const mlpInMemory: Names = {
  'blocks.{i}.mlp.fc1': 'encoder.layer.{i}.mlp.fc1',
  'blocks.{i}.mlp.fc2': 'encoder.layer.{i}.mlp.fc2',
};

/** timm's names, which are also the canonical ones wherever one tensor is one tensor. */
export const timmNames: Names = {
  cls_token: 'cls_token',
  pos_embed: 'pos_embed',
  patch_embed: 'patch_embed.proj',
  'blocks.{i}.norm1': 'blocks.{i}.norm1',
  'blocks.{i}.attn.q': part('blocks.{i}.attn.qkv', 0, 3),
  'blocks.{i}.attn.k': part('blocks.{i}.attn.qkv', 1, 3),
  'blocks.{i}.attn.v': part('blocks.{i}.attn.qkv', 2, 3),
  'blocks.{i}.attn.proj': 'blocks.{i}.attn.proj',
  'blocks.{i}.norm2': 'blocks.{i}.norm2',
  'blocks.{i}.mlp.fc1': 'blocks.{i}.mlp.fc1',
  'blocks.{i}.mlp.fc2': 'blocks.{i}.mlp.fc2',
  norm: 'norm',
  head: 'head',
  dist_token: 'dist_token',
  head_dist: 'head_dist',
};

/** ViT's: transformers on disk, and as version 5 names them in memory. */
export const transformersNames: readonly [Names, Names] = [
  {...embeddings, ...norms, ...attention, ...mlp},
  moved({...embeddings, ...norms, ...attentionInMemory, ...mlpInMemory}, 'encoder.layer.', 'layers.'),
];
