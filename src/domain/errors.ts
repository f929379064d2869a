/** What the caller may want to know beside the message; goes into the `details` of the HTTP answer. */
export type RejectionDetails = Readonly<{
  current_state?: string;
  allowed_actions?: readonly string[];
}>;

/** A command that this execution's history does not allow. The HTTP edge turns it into 404 or 409. */
export class CommandRejected extends Error {
  constructor(
    readonly kind: 'NotFound' | 'Conflict',
    message: string,
    readonly details: RejectionDetails = {},
  ) {
    super(message);
  }
}
