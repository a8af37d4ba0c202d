import {zeroTokensDraw} from './draw.js';
import {timmNames, transformersNames, type Names} from './names.js';
import type {Family} from './spec.js';
import {vitSpec} from './vit.js';

const taught: Names = {head: 'cls_classifier', head_dist: 'distillation_classifier'};
const tokens: Names = {dist_token: 'embeddings.distillation_token'};

/** Touvron et al. 2021, arXiv 2012.12877. In transformers every DeiT has a distillation token, taught or not. */
export const deit: Family = {
  name: 'DeiT',
  modelTypes: ['deit'],
  names: [
    ...transformersNames.flatMap(names => [
      {...names, ...tokens},
      {...names, ...tokens, ...taught},
    ]),
    timmNames,
  ],
  prefixes: ['deit.', ''],
  positionsBy: 'bicubic',
  spec: (config, tensors) => ({
    ...vitSpec(config),
    distillationToken: true,
    head: tensors.has('distillation_classifier.weight') ? 'class and distillation' : 'readout',
  }),
  draw: zeroTokensDraw,
};
