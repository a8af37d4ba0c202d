import {z} from 'zod';
import type {Baseline, Reading, RunEvent, RunInfo} from '../types.js';

const numbers = z.array(z.number().nullable());
const layers = z.array(z.string());
const pooling = z.enum(['tokens', 'cls', 'mean']);
const estimates = z.object({unbiased: z.array(numbers), biased: z.array(numbers)});
const cost = z.object({
  seconds: z.number(),
  cpuSeconds: z.number().optional(),
  forwards: z.number(),
  gradients: z.number(),
});
/** `plain` writes as text what JSON has no number for. */
const logged = z.record(z.string(), z.union([z.number(), z.string().transform(Number)]));

const score = z.discriminatedUnion('status', [
  z.object({
    status: z.literal('scored'),
    value: z.number(),
    low: z.number().nullable(),
    high: z.number().nullable(),
  }),
  z.object({status: z.literal('withheld'), reason: z.string()}),
]);

const interval = z.object({low: z.number(), high: z.number()});
const factorBaseline = z.object({
  factor: z.string(),
  strength: z.number(),
  invariance: numbers,
  ratio: numbers,
  pixels: z.number().nullable(),
  random: numbers,
  withheld: z.string().optional(),
});
const factorReading = z.object({
  factor: z.string(),
  invariance: numbers,
  change: z.array(score),
  ratio: numbers,
});
const ridgeBaseline = z.object({
  labels: z.string(),
  classes: z.number(),
  chance: z.number(),
  accuracy: numbers,
});
const ridgeReading = z.object({
  labels: z.string(),
  accuracy: numbers,
  change: z.array(score),
  kept: z.array(score),
});

const gate = z.object({
  layer: z.string(),
  rel: z.number().nullable(),
  fvu: z.number().nullable(),
  fvuHalfway: z.number().nullable().optional(),
  rmsToProbes: z.number(),
  rmsToSeeds: z.number(),
  unconverged: z.number(),
  evaluations: z.number(),
  threshold: z.number(),
  passed: z.boolean(),
});

const fingerprint = z.object({
  id: z.string(),
  pretrained: z.string(),
  probes: z.string(),
  seeds: z.string(),
  layers,
  pooling,
  inversion: z.record(z.string(), z.union([z.string(), z.number()])),
  floor: z.string(),
});

const baseline = z.object({
  fingerprint,
  layers,
  blocks: layers,
  ceiling: estimates,
  floor: estimates,
  floorSpread: z.object({draws: z.number(), diagonal: numbers}).optional(),
  scratch: estimates.optional(),
  halves: z.object({ceiling: z.string(), floor: z.string()}).optional(),
  factors: z.array(factorBaseline).optional(),
  ridge: z.array(ridgeBaseline).optional(),
  controls: z.object({noise: numbers, permuted: numbers}),
  flow: numbers,
  gates: z.array(gate),
  cost,
});

const reading = z
  .object({
    step: z.number(),
    epoch: z.number().nullable(),
    time: z.number(),
    logged,
    fingerprint: z.string(),
    layers,
    retention: estimates,
    drift: estimates,
    retentionIntervals: z.array(interval.nullable()).optional(),
    halves: z.string().optional(),
    scores: z.array(score),
    meanScore: z.number().nullable(),
    flow: z.object({centre: numbers, strongest: numbers}),
    compression: z.object({layers: numbers, mean: z.number().nullable()}),
    gain: z.array(score).optional(),
    loss: z.array(score).optional(),
    arrival: numbers.optional(),
    factors: z.array(factorReading).optional(),
    ridge: z.array(ridgeReading).optional(),
    weightDrift: numbers,
    acquired: z.object({similarity: estimates, novelty: numbers, gates: z.array(gate)}).optional(),
    convergence: numbers.optional(),
    cost,
  })
  .refine(({layers, scores}) => layers.length === scores.length, {
    path: ['scores'],
    message: 'expected one a layer',
  });

const at = {time: z.number()};
const event = z.discriminatedUnion('type', [
  z.object({...at, type: z.literal('baseline'), baseline}),
  z.object({
    ...at,
    type: z.literal('logged'),
    step: z.number(),
    epoch: z.number().nullable(),
    values: logged,
  }),
  z.object({
    ...at,
    type: z.literal('checkpoint'),
    step: z.number(),
    path: z.string(),
    aliases: z.array(z.string()),
  }),
  z.object({...at, type: z.literal('resumed'), step: z.number()}),
  z.object({
    ...at,
    type: z.literal('notice'),
    level: z.enum(['info', 'warning', 'error']),
    code: z.string(),
    message: z.string(),
    step: z.number().optional(),
  }),
  z.object({...at, type: z.literal('ended'), state: z.enum(['finished', 'crashed', 'killed'])}),
]);

const info = z.object({
  format: z.literal([1, 2]),
  id: z.string(),
  name: z.string(),
  created: z.number(),
  layers,
  pooling,
  fingerprint,
  probes: z.object({count: z.number(), source: z.string()}),
  engine: z.string(),
  versions: z.record(z.string(), z.string()),
  git: z.string().nullable(),
  config: z.record(z.string(), z.unknown()),
});

/** What stands in a run folder. `types.ts` is the source: that these say the same is checked when this is compiled. */
export const schemas = {reading, event, info};

type Plain<T> = T extends object ? {-readonly [K in keyof T]: Plain<T[K]>} : T;
type Same<A, B> = [Plain<A>, Plain<B>] extends [Plain<B>, Plain<A>] ? true : never;
const same: [
  Same<z.infer<typeof reading>, Reading>,
  Same<z.infer<typeof event>, RunEvent>,
  Same<z.infer<typeof baseline>, Baseline>,
  Same<z.infer<typeof info>, RunInfo>,
] = [true, true, true, true];
void same;

/** A value that is what it should be, or what is wrong with it: "scores.0.value: expected number". */
export function check<T>(
  schema: z.ZodType<T>,
  value: unknown,
): {status: 'sound'; value: T} | {status: 'wrong'; problem: string} {
  const {success, data, error} = schema.safeParse(value);
  if (success) return {status: 'sound', value: data};
  const [{path, message}] = error.issues as [z.core.$ZodIssue];
  return {status: 'wrong', problem: path.length === 0 ? message : `${path.join('.')}: ${message}`};
}
