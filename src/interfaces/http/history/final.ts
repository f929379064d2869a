import type { Response } from 'express';

/** For answers that no later event can change; private, as they are somebody's data. */
export const final = (response: Response): void => {
  response.setHeader('Cache-Control', 'private, max-age=31536000, immutable');
};
