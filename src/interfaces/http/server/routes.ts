import type { Request } from 'express';

/** What Express's router keeps for each route. */
type Layer = Readonly<{
  route?: Readonly<{ methods: Readonly<Record<string, boolean>> }>;
  match: (path: string) => boolean;
}>;

/** The methods that this path answers to, so that a wrong one can be told from a path that does not exist. */
export const methodsAt = ({ app, path }: Pick<Request, 'app' | 'path'>): readonly string[] => {
  const { stack } = app.router as unknown as { stack: readonly Layer[] };
  const found = stack.flatMap((layer) => (layer.route && matches(layer, path) ? Object.keys(layer.route.methods) : []));
  const methods = new Set(found.map((method) => method.toUpperCase()));
  if (methods.has('GET')) methods.add('HEAD');
  return [...methods];
};

/** A path parameter that is not percent-encoded properly makes the router throw; the request gets that answer anyway. */
const matches = (layer: Layer, path: string): boolean => {
  try {
    return layer.match(path);
  } catch {
    return true;
  }
};
