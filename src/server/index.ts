export {serveRuns, type RunServer} from './serve-runs.js';
