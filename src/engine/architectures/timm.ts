import {InvarianceError} from '../../errors.js';
import type {HfConfig, TensorSource} from '../../models/index.js';
import {numberOf, objectOf} from './config.js';
import {transformersDraw} from './draw.js';
import {part, timmNames, type Names} from './names.js';
import type {Activation, Family, Spec} from './spec.js';

const PREFIXES = ['', 'timm_model.'];

/** Architectures that share timm's names but not the forward pass. */
const OTHERS = /rope|dinov3|relpos|rpn|parallel|mlp_mixer/;

/** These have more or fewer than the 64 units a head that every other timm ViT has. */
const heads16 = /_(huge|giant|gigantic|so400m|giantopt)_(?!.*dinov2)/;

/** SigLIP towers that timm builds with the tanh approximation of GELU; all others have GELU itself. */
const tanh = /_(base_patch32|giantopt_patch16|so400m_patch16)_siglip|_large_patch16_siglip(_gap)?_512/;

const names: readonly Names[] = [
  {
    ...timmNames,
    register_tokens: 'reg_token',
    norm_pre: 'norm_pre',
    'blocks.{i}.ls1': 'blocks.{i}.ls1.gamma',
    'blocks.{i}.ls2': 'blocks.{i}.ls2.gamma',
    'blocks.{i}.mlp.gate': part('blocks.{i}.mlp.fc1', 0, 2),
    'blocks.{i}.mlp.up': part('blocks.{i}.mlp.fc1', 1, 2),
    'blocks.{i}.mlp.down': 'blocks.{i}.mlp.fc2',
  },
];
const pooledNorm: Names = {norm: 'fc_norm'};
const beitNames: Names = {
  'blocks.{i}.attn.q.bias': 'blocks.{i}.attn.q_bias',
  'blocks.{i}.attn.v.bias': 'blocks.{i}.attn.v_bias',
  'blocks.{i}.attn.relative_bias': 'blocks.{i}.attn.relative_position_bias_table',
  relative_bias: 'rel_pos_bias.relative_position_bias_table',
  'blocks.{i}.ls1': 'blocks.{i}.gamma_1',
  'blocks.{i}.ls2': 'blocks.{i}.gamma_2',
};

/**
 * Plain ViTs of timm: ViT, DeiT (distilled too), DeiT III, MAE, CLIP, SigLIP, DINOv2 (with registers too), BEiT. Its
 * `config.json` names an architecture without its sizes, so the flags are read off the tensors.
 */
export const timm: Family = {
  name: 'timm',
  modelTypes: ['timm_wrapper'],
  names: names.flatMap(plain => [
    plain,
    {...plain, ...pooledNorm},
    {...plain, ...beitNames},
    {...plain, ...beitNames, ...pooledNorm},
  ]),
  prefixes: PREFIXES,
  positionsBy: 'antialiased bicubic',
  spec: timmSpec,
  draw: (name, drawing) => {
    const {init_values: scale} = objectOf(drawing.config, 'model_args');
    if (/\.ls[12]$/.test(name)) return {fill: typeof scale === 'number' ? scale : 1e-5};
    if (/_tokens?$/.test(name)) return {std: 1e-6};
    return name.endsWith('relative_bias') ? {fill: 0} : transformersDraw(name, drawing);
  },
};

function timmSpec(config: HfConfig, tensors: TensorSource): Spec {
  const architecture = String(config['architecture']);
  const prefix = PREFIXES.find(each => tensors.has(`${each}patch_embed.proj.weight`));
  if (prefix === undefined || OTHERS.test(architecture) || !tensors.has(`${prefix}blocks.0.norm1.weight`))
    throw new InvarianceError(
      'bad_model',
      `${architecture} of timm is not a plain ViT; those are what is known`,
    );
  const args = objectOf(config, 'model_args');
  const has = (name: string) => tensors.has(prefix + name);
  const shape = (name: string) => tensors.info(prefix + name).shape;
  const [width = 0, channels = 0, patch = 0] = shape('patch_embed.proj.weight');
  const depth = tensors
    .names()
    .filter(name => /^blocks\.\d+\.norm1\.weight$/.test(name.slice(prefix.length))).length;
  const hidden = shape('blocks.0.mlp.fc2.weight')[1]!;
  const gated = shape('blocks.0.mlp.fc1.weight')[0] === 2 * hidden;
  const distillationToken = has('dist_token');
  const classToken = has('cls_token');
  const table = [
    'blocks.0.attn.relative_position_bias_table',
    'rel_pos_bias.relative_position_bias_table',
  ].find(has);
  const bias = has('blocks.0.attn.qkv.bias');
  const queryBias = bias || has('blocks.0.attn.q_bias');

  // Positions are square; whether they cover the tokens before the patches shows in their number.
  const special = Number(classToken) + Number(distillationToken);
  const placed = has('pos_embed') ? shape('pos_embed').at(-2)! : 0;
  const positions = !placed ? 'none' : isSquare(placed) ? 'patches' : 'all';
  const side = placed
    ? Math.sqrt(placed - (positions === 'all' ? special : 0))
    : (Math.sqrt(shape(table ?? 'patch_embed.proj.weight')[0]! - 3) + 1) / 2;
  if (!Number.isInteger(side))
    throw new InvarianceError(
      'bad_model',
      `${architecture} has ${placed} positions, which are no square of patches`,
    );
  return {
    image: {height: side * patch, width: side * patch},
    channels,
    patch,
    patchBias: has('patch_embed.proj.bias'),
    width,
    depth,
    heads: numberOf(args, 'num_heads', heads16.test(architecture) ? 16 : width / 64),
    hidden,
    activation: timmActivation(architecture, args, gated),
    gated,
    epsilon: has('norm_pre.weight') ? 1e-5 : 1e-6,
    classToken,
    distillationToken,
    registers: has('reg_token') ? shape('reg_token').at(-2)! : 0,
    positions,
    relativePositions: !table ? 'none' : table.startsWith('blocks') ? 'block' : 'shared',
    normBefore: has('norm_pre.weight'),
    biases: {query: queryBias, key: bias, value: queryBias},
    layerScale: has('blocks.0.ls1.gamma') || has('blocks.0.gamma_1'),
    readout: has('fc_norm.weight') ? 'norm of mean' : classToken ? 'class' : 'mean',
    head: distillationToken ? 'class and distillation' : 'readout',
  };
}

const isSquare = (count: number) => Number.isInteger(Math.sqrt(count));

function timmActivation(architecture: string, args: HfConfig, gated: boolean): Activation {
  if (gated) return 'silu';
  const named = args['act_layer'] ?? (architecture.includes('quickgelu') ? 'quick_gelu' : undefined);
  if (named === undefined) return tanh.test(architecture) ? 'gelu_tanh' : 'gelu';
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
