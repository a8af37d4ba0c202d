import {capitalised} from '../listed.js';
import type {Baseline, Gate} from '../types.js';
import {withheldBy} from './score.js';

/** At most so many times the evaluations that were made are advised at once. */
const MOST = 8;

/** After so many evaluations (preset fast), an error that the second half of them lowered by less than a tenth has stalled. */
const TELLING = 50;
const STALLED = 1.1;

/**
 * Whether more evaluations would make failed inversions converge, in words; by what the second half of those that were
 * made has brought, as an error that falls by a like share whenever the evaluations are doubled.
 */
export function inversionAdvice({gates, fingerprint}: Pick<Baseline, 'gates' | 'fingerprint'>): string {
  const made = Number(fingerprint.inversion.steps);
  const failed = gates.filter(({passed}) => !passed);
  const moving = failed.filter(
    ({fvu, fvuHalfway}) => !(made >= TELLING && fvu && fvuHalfway && fvuHalfway < STALLED * fvu),
  );
  if (moving.length === 0)
    return (
      'more inversion steps would not help, as the second half of them has brought next to nothing: measure other layers ' +
      '(layers; --layers)'
    );
  const steps = made * Math.max(...moving.map(timesToConverge));
  const some = moving.length === failed.length ? '' : ` in ${moving.length} of these layers`;
  return `more inversion steps may help${some}: inversion: {steps: ${Math.ceil(steps / 10) * 10}} (--steps)`;
}

function timesToConverge({fvu, fvuHalfway, threshold}: Gate): number {
  if (!fvu || !fvuHalfway || fvuHalfway <= fvu) return MOST;
  return Math.min(MOST, 2 ** (Math.log(fvu / threshold) / Math.log(fvuHalfway / fvu)));
}

/** That no reading of this baseline can score any layer, why, and what to do; null where one can be scored. */
export function nothingScored(baseline: Baseline): string | null {
  const {layers, blocks, fingerprint, floorSpread} = baseline;
  const reasons = layers.map((_, i) => withheldBy(baseline, i));
  const kinds = new Map<string, number>();
  for (const reason of reasons) {
    if (reason === null) return null;
    const kind = reason.split(':')[0]!;
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  const isVit = blocks.length > 0;
  const has = (kind: string): boolean => kinds.has(kind);
  const advice = [
    ...(has('inversion not converged') ? [inversionAdvice(baseline)] : []),
    ...(has('floor too close to ceiling')
      ? [
          isVit && fingerprint.pooling === 'tokens'
            ? "over all tokens even random networks come close: pool as the model's head reads them (pooling 'cls' or 'mean'; --pool)"
            : 'in those layers pretraining added little to what the architecture gives by itself: measure others (layers; --layers)',
        ]
      : []),
    ...(has('floor too uncertain')
      ? [`more random networks would tell (floor: ${4 * (floorSpread?.draws ?? 2)})`]
      : []),
    ...([...kinds.keys()].some(kind => kind.startsWith('the layer is constant'))
      ? [
          'a layer that is the same for all probes tells nothing: look whether the model gets its images as it expects (input)',
        ]
      : []),
  ];
  const counted = [...kinds].map(([kind, count]) => `${kind} (${count} of ${layers.length})`).join(', ');
  return `no layer can be scored in this run: ${counted}. ${capitalised(advice.join('; '))}. R under its ceiling, drift and the factor panel are recorded all the same`;
}
