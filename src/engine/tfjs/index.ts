export {type LoadVitOptions, loadVit} from './load-vit.js';
export {type OptimizerState, optimizerState, restoreOptimizer} from './optimizer-state.js';
export {saveVit} from './save-vit.js';
export type {Tf} from './tf.js';
export {type VitModelInfo, vitConfigOf} from './vit-info.js';
export {openTfjsEngine, TFJS_DEFAULTS, type TfjsEngineOptions} from './open-tfjs-engine.js';
export type {PixelForm} from './pixel-form.js';
export type {TfjsEngine} from './tfjs-engine.js';
export {loadTfjsModel, saveTfjsModel} from './tfjs-model.js';
