/** What may follow what. A status that leads nowhere is final. */
export type Transitions<Status extends string> = Readonly<Record<Status, readonly Status[]>>;

/** Throws where the table does not have this step: a defect of the caller, who has to check before. */
export function followTransition<Status extends string>(
  table: Transitions<Status>,
  from: Status,
  to: NoInfer<Status>,
): Status {
  if (!table[from].includes(to)) throw new Error(`${from} cannot be followed by ${to}`);
  return to;
}

export const isFinal = <Status extends string>(table: Transitions<Status>, status: NoInfer<Status>): boolean =>
  table[status].length === 0;
