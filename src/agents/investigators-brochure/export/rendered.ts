/** A file, and what it could not show as it is. */
export type Rendered = Readonly<{ content: Uint8Array; warnings: readonly string[] }>;
