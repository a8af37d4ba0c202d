/**
 * The numbers alone, for representations of your own: CKA and what is built on it. Pure functions in float64 that know no
 * network, no file and no tensor; the formulas and their sources are in [metrics.md](../metrics.md).
 *
 * Shapes: features are row-major (n images, p columns), a Gram is n × n, a matrix of layers has pretrained layers as rows and
 * finetuned ones as columns. All values are dimensionless. A value that cannot be given is withheld with its reason, or null in
 * lists and matrices; it is never NaN.
 *
 * @module wandb-invariance/metrics
 */
export {bootstrapCka, type BootstrapOptions} from './bootstrap.js';
export type {Estimator} from './centre.js';
export {cka, ckaOfFeatures, type EstimatesRow, similarityMatrix} from './cka.js';
export {controls} from './controls.js';
export {driftMatrix, type LayerWeights, weightDrift} from './drift.js';
export {compression, type Compression, flow, type Flow} from './flow.js';
export {convergence, gate} from './gate.js';
export {gramOf} from './gram.js';
export {hsic0, hsic1} from './hsic.js';
export {migration, type Migration} from './migration.js';
export {accuracyOf, ridgeProbe, type RidgeProbe} from './ridge.js';
export {acquiredMatrix, forgetting, novelty, retentionMatrix, retentionRow} from './retention.js';
export type {Halves} from './halves.js';
export {type DiagonalHalves, meanScore, retentionScores, type ScoredBy} from './score.js';
export type {Similarity} from './similarity.js';
export {exactCka, type ExactCka, minibatchCka, type MinibatchCka} from './streaming.js';
export type {FeatureRows} from '../rounding.js';
export type {Estimates, Features, Gate, Gram, Images, Interval, Matrix, Score} from '../types.js';
