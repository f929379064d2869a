/** AGENTS_MODULE of the application in variant A. */
import { registerAgent } from '../../dist/index.js';
import { answerTo } from './work.mjs';

registerAgent('bench', async (input) => answerTo(input));
