export { interruptSignal } from './interruption.js';
