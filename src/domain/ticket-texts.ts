import type { BusinessTag } from './application.ts';
import type { Ticket } from './ticket.ts';

type BrokenGlass = Pick<
  Ticket,
  'username' | 'breakGlassAt' | 'breakGlassReason' | 'reviewedAt' | 'reviewedBy' | 'reviewComment'
>;

/** The guide's table of a ticket's applications, in Markdown; below it, where its glass was broken, by whom and why. */
export function ticketMarkdown(
  entries: readonly { applicationName: string; businessTags: readonly BusinessTag[] }[],
  ticket?: BrokenGlass,
): string {
  const rows = entries.map(({ applicationName, businessTags }) => {
    const tags = businessTags.map(({ tagKey, tagValue }) => `${tagKey}:${tagValue}`).join(',');
    return `| ${inCell(applicationName)} | ${inCell(tags)} |`;
  });
  return ['| Application Name | Tags |', '| --- | --- |', ...rows, ...(ticket ? glassLines(ticket) : [])].join('\n');
}

function glassLines(ticket: BrokenGlass): string[] {
  const { username, breakGlassAt, breakGlassReason, reviewedAt, reviewedBy, reviewComment } = ticket;
  if (!breakGlassAt) return [];
  const act = `**Break-glass**: ${inCell(username)} took the tokens without approval at ${breakGlassAt.toISOString()}`;
  const review = reviewedAt
    ? `Reviewed by ${inCell(reviewedBy ?? '')} at ${reviewedAt.toISOString()}: ${inCell(reviewComment ?? '')}`
    : 'The review is open.';
  return ['', `${act}: ${inCell(breakGlassReason ?? '')}`, '', review];
}

/** A bar or a line break would end the cell; markup has no business in a tag. */
const inCell = (text: string): string => inOneLine(text.replaceAll(/[\\|`*_<>[\]]/g, '\\$&'));

const inOneLine = (text: string): string => text.replaceAll(/\s*[\r\n]+\s*/g, ' ');

/** One line per step, also where somebody wrote several: when, who, what. */
export const timelineLine = (record: { at: Date; username: string | null; message: string }): string =>
  `${record.at.toISOString()} ${record.username ?? 'the service'}: ${inOneLine(record.message)}`;
