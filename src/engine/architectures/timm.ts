import {InvarianceError} from '../../errors.js';
import type {HfConfig, TensorSource} from '../../models/index.js';
import {seededRandom} from '../../random.js';
import {numberOf, objectOf} from './config.js';
import {transformersDraw} from './draw.js';
import {part, timmNames, type Names} from './names.js';
import type {Activation, Family, Spec} from './spec.js';
import {timmModels, timmOthers} from './timm-models.js';

const PREFIXES = ['', 'timm_model.'];

/** Of `model_args`, what shows in the tensors, is read here, or leaves the forward pass as it is. */
const ARGUMENTS = new Set(
  (
    'img_size patch_size in_chans num_classes global_pool embed_dim depth num_heads mlp_ratio qkv_bias init_values ' +
    'class_token no_embed_class reg_tokens pre_norm fc_norm use_fc_norm act_layer dynamic_img_size strict_img_size distilled ' +
    'use_abs_pos_emb use_rel_pos_bias use_shared_rel_pos_bias weight_init fix_init drop_rate pos_drop_rate ' +
    'patch_drop_rate proj_drop_rate attn_drop_rate drop_path_rate pretrained_cfg pretrained_cfg_overlay features_only'
  ).split(' '),
);

const plain: Names = {
  ...timmNames,
  register_tokens: 'reg_token',
  rotary_frequencies: 'rope.freqs',
  patch_norm: 'patch_embed.norm',
  norm_pre: 'norm_pre',
  'blocks.{i}.ls1': 'blocks.{i}.ls1.gamma',
  'blocks.{i}.ls2': 'blocks.{i}.ls2.gamma',
  'blocks.{i}.attn.norm': 'blocks.{i}.attn.norm',
  'blocks.{i}.mlp.norm': 'blocks.{i}.mlp.norm',
  'blocks.{i}.mlp.gate': part('blocks.{i}.mlp.fc1', 0, 2),
  'blocks.{i}.mlp.up': part('blocks.{i}.mlp.fc1', 1, 2),
  'blocks.{i}.mlp.down': 'blocks.{i}.mlp.fc2',
  'blocks.{i}.attn.relative_bias': 'blocks.{i}.attn.relative_position_bias_table',
  relative_bias: 'rel_pos_bias.relative_position_bias_table',
};
const ownBiases: Names = {
  'blocks.{i}.attn.q.bias': 'blocks.{i}.attn.q_bias',
  'blocks.{i}.attn.v.bias': 'blocks.{i}.attn.v_bias',
};
const gammas: Names = {'blocks.{i}.ls1': 'blocks.{i}.gamma_1', 'blocks.{i}.ls2': 'blocks.{i}.gamma_2'};
const unfused: Names = {
  'blocks.{i}.attn.q': 'blocks.{i}.attn.q_proj',
  'blocks.{i}.attn.k': 'blocks.{i}.attn.k_proj',
  'blocks.{i}.attn.v': 'blocks.{i}.attn.v_proj',
};
const unpacked: Names = {
  'blocks.{i}.mlp.gate': 'blocks.{i}.mlp.fc1_g',
  'blocks.{i}.mlp.up': 'blocks.{i}.mlp.fc1_x',
};
const pooledNorm: Names = {norm: 'fc_norm'};

/** Each of these may be so or as it is in `plain`. */
const names = [ownBiases, gammas, unfused, unpacked, pooledNorm].reduce<readonly Names[]>(
  (tables, other) => tables.flatMap(table => [table, {...table, ...other}]),
  [plain],
);

/**
 * ViTs of timm: ViT, DeiT (distilled too), DeiT III, MAE, CLIP, SigLIP, DINOv2 (with registers too), BEiT, EVA, EVA-02,
 * Perception Encoder, DINOv3, RoPE-ViT, AIMv2. Its `config.json` names an architecture without its sizes, so the flags are
 * read off the tensors, and what no tensor shows from a table of timm's models.
 */
export const timm: Family = {
  name: 'timm',
  modelTypes: ['timm_wrapper'],
  names,
  prefixes: PREFIXES,
  positionsBy: 'antialiased bicubic',
  spec: timmSpec,
  draw: (name, drawing) => {
    const {init_values: scale} = objectOf(drawing.config, 'model_args');
    if (/\.ls[12]$/.test(name)) return {fill: typeof scale === 'number' ? scale : 1e-5};
    if (/_tokens?$/.test(name)) return {std: 1e-6};
    if (name === 'rotary_frequencies') return turnedFrequencies(drawing.spec);
    return name.endsWith('relative_bias') ? {fill: 0} : transformersDraw(name, drawing);
  },
};

function timmSpec(config: HfConfig, tensors: TensorSource): Spec {
  const architecture = String(config['architecture']).split('.')[0]!;
  const refused = (why: string) => new InvarianceError('bad_model', `${architecture} of timm: ${why}`);
  const model = timmModels[architecture];
  if (!model)
    throw refused(
      timmOthers[architecture] ??
        'not known; give as architecture in config.json a known entry point that builds the same network, with its sizes in model_args',
    );
  const [heads, activation, epsilon, pool, flags] = model;
  const prefix = PREFIXES.find(each => tensors.has(`${each}patch_embed.proj.weight`));
  if (prefix === undefined || !tensors.has(`${prefix}blocks.0.norm1.weight`))
    throw refused('its tensors are not those of a plain ViT (blocks.0.norm1.weight and the like)');
  const args = objectOf(config, 'model_args');
  const isSilent = (name: string, value: unknown) =>
    value === null || (value === false && !isOn(name, flags));
  for (const [name, value] of Object.entries(args))
    if (!ARGUMENTS.has(name) && !isSilent(name, value))
      throw refused(`model_args has ${name} ${JSON.stringify(value)}, which is not known`);
  const has = (name: string) => tensors.has(prefix + name);
  const shape = (name: string) => tensors.info(prefix + name).shape;
  const [width = 0, channels = 0, patch = 0] = shape('patch_embed.proj.weight');
  const depth = tensors
    .names()
    .filter(name => /^blocks\.\d+\.norm1\.weight$/.test(name.slice(prefix.length))).length;
  const hidden = shape('blocks.0.mlp.fc2.weight')[1]!;
  const gated = has('blocks.0.mlp.fc1_g.weight') || shape('blocks.0.mlp.fc1.weight')[0] === 2 * hidden;
  const distillationToken = has('dist_token');
  const classToken = has('cls_token');
  const table = [
    'blocks.0.attn.relative_position_bias_table',
    'rel_pos_bias.relative_position_bias_table',
  ].find(has);
  const bias = has('blocks.0.attn.qkv.bias');
  const queryBias = bias || has('blocks.0.attn.q_bias') || has('blocks.0.attn.q_proj.bias');
  const normed = has('norm.weight') || has('fc_norm.weight');

  // Positions are square; which tokens before the patches they cover shows in their number.
  const special = Number(classToken) + Number(distillationToken);
  const registers = has('reg_token') ? shape('reg_token').at(-2)! : 0;
  const placed = has('pos_embed') ? shape('pos_embed').at(-2)! : 0;
  const covered = [0, special, special + registers].filter(count => !placed || isSquare(placed - count));
  const sides = sidesOf(config, args);
  const before =
    covered.find(count => sides.some(side => Math.sqrt(placed - count) === Math.floor(side / patch))) ??
    covered[0];
  if (before === undefined) throw refused(`${placed} positions are no square of patches`);
  const side = placed
    ? Math.sqrt(placed - before)
    : table
      ? (Math.sqrt(shape(table)[0]! - 3) + 1) / 2
      : Math.floor((sides[0] ?? (flags?.rotary ? ANY_SIZE : NaN)) / patch);
  if (!Number.isInteger(side))
    throw refused('neither positions nor a table of relative positions give its size');
  return {
    image: {height: side * patch, width: side * patch},
    channels,
    patch,
    patchBias: has('patch_embed.proj.bias'),
    width,
    depth,
    heads: numberOf(args, 'num_heads', heads),
    hidden,
    activation: timmActivation(args, activation, gated),
    gated,
    epsilon,
    classToken,
    distillationToken,
    registers,
    positions: !placed ? 'none' : before > special ? 'all and registers' : before > 0 ? 'all' : 'patches',
    relativePositions: !table ? 'none' : table.startsWith('blocks') ? 'block' : 'shared',
    normBefore: has('norm_pre.weight'),
    biases: {
      query: queryBias,
      key: bias || has('blocks.0.attn.k_proj.bias'),
      value: queryBias,
      ...(!has('blocks.0.attn.proj.bias') && {projection: false}),
      ...(!has('blocks.0.mlp.fc2.bias') && {mlp: false}),
    },
    layerScale: has('blocks.0.ls1.gamma') || has('blocks.0.gamma_1'),
    readout: timmReadout({
      pool: config['global_pool'] ?? args['global_pool'] ?? pool,
      has,
      prefixed: special + registers > 0,
      normed: (args['fc_norm'] ?? args['use_fc_norm']) === true,
      refused,
    }),
    head: distillationToken ? 'class and distillation' : 'readout',
    ...flags,
    ...(has('patch_embed.norm.weight') && {patchNorm: true}),
    ...(has('blocks.0.mlp.norm.weight') && {
      innerNorm: has('blocks.0.attn.norm.weight') ? 'attention and mlp' : 'mlp',
    }),
    ...(!normed && {unnormed: true}),
  };
}

/** Pixels a side of a model whose rotary positions fit any, where its configuration names none. */
const ANY_SIZE = 224;

/** Of each head in each block the frequencies of the two axes, turned by an angle of its own (RoPE-ViT, mixed). */
function turnedFrequencies({depth, heads, width}: Spec): Float32Array {
  const random = seededRandom(0);
  const quarter = width / heads / 4;
  const angles = Array.from({length: depth * heads}, () => 2 * Math.PI * random.uniform());
  const along = (of: (angle: number) => number) =>
    angles.flatMap(angle =>
      [angle, angle + Math.PI / 2].flatMap(turned =>
        Array.from({length: quarter}, (_, k) => 10 ** (-k / quarter) * of(turned)),
      ),
    );
  return Float32Array.from([...along(Math.cos), ...along(Math.sin)]);
}

/** Whether a model of these flags has by itself what an argument could turn off. */
function isOn(name: string, flags: (typeof timmModels)[string][4]): boolean {
  if (/^(use_rot_pos_emb|rope_)/.test(name)) return flags?.rotary !== undefined;
  return name === 'use_post_norm' ? flags?.postNorm === true : false;
}

const isSquare = (count: number) => count > 0 && Number.isInteger(Math.sqrt(count));

/** Sides of the images that a configuration names, in pixels. */
function sidesOf(config: HfConfig, args: HfConfig): number[] {
  const sizes = [args['img_size'], objectOf(config, 'pretrained_cfg')['input_size']];
  return sizes
    .flatMap(size => (Array.isArray(size) ? (size.at(-1) as unknown) : size))
    .filter(Number.isInteger) as number[];
}

/** What the head reads, by timm's `global_pool`; `map` pools by attention, and the norm before it is measured. */
function timmReadout({
  pool,
  has,
  prefixed,
  normed,
  refused,
}: {
  pool: unknown;
  has: (name: string) => boolean;
  prefixed: boolean;
  /** The configuration asks for a norm after the pooling. */
  normed: boolean;
  refused: (why: string) => InvarianceError;
}): Spec['readout'] {
  const mean = prefixed ? 'mean of patches' : 'mean';
  // A lone checkpoint beside the pretrained model's config.json: its own norm tells that its head pools.
  if (pool === 'token') return has('fc_norm.weight') && !normed ? 'norm of mean' : 'class';
  if (pool === 'avg') return has('fc_norm.weight') ? 'norm of mean' : mean;
  if (pool === 'map' || pool === '') return has('cls_token') ? 'class' : mean;
  throw refused(`global_pool ${JSON.stringify(pool)} is not known; known are token, avg, map`);
}

function timmActivation(args: HfConfig, own: Activation, gated: boolean): Activation {
  if (gated) return 'silu';
  const named = args['act_layer'];
  if (named === undefined || named === null) return own;
  const known: readonly unknown[] = [
    'gelu',
    'gelu_tanh',
    'quick_gelu',
    'silu',
    'relu',
  ] satisfies Activation[];
  if (known.includes(named)) return named as Activation;
  throw new InvarianceError(
    'bad_model',
    `unknown act_layer ${JSON.stringify(named)}; known are ${known.join(', ')}`,
  );
}
