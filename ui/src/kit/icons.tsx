// The signs of the page, each one path on a grid of 24.

const PATHS = {
  chat: "M4 5h16v11H9l-5 4z",
  overview: "M4 13h6V4H4zM14 20h6V11h-6zM4 20h6v-3H4zM14 7h6V4h-6z",
  sessions: "M4 6h16M4 12h16M4 18h10",
  sandboxes: "M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.500l8 4.500 8-4.500M12 12v9",
  agents: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21c1-4 4-6 8-6s7 2 8 6",
  channels: "M5 12a7 7 0 0 1 14 0M8 12a4 4 0 0 1 8 0M12 12v8",
  devices: "M4 5h11v9H4zM2 18h13M17 9h5v10h-5z",
  approvals: "M12 3l8 3v6c0 5-3.500 7.500-8 9-4.500-1.500-8-4-8-9V6zM8.500 12l2.500 2.500 4.500-5",
  cron: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3.500 2",
  wizard: "M5 19L16 8M14 6l4 4M7 4v3M5.500 5.500h3M18 14v3M16.500 15.500h3",
  skills: "M12 3l2.500 6H21l-5 4 2 7-6-4-6 4 2-7-5-4h6.500z",
  models: "M9 3v3M15 3v3M9 18v3M15 18v3M3 9h3M3 15h3M18 9h3M18 15h3M6 6h12v12H6z",
  config: "M4 7h9M17 7h3M4 17h3M11 17h9M15 9V5M9 19v-4",
  usage: "M4 20V10M10 20V4M16 20v-7M21 20H3",
  logs: "M5 4h14v16H5zM8 8h8M8 12h8M8 16h5",
  debug: "M7 9l-4 3 4 3M17 9l4 3-4 3M14 5l-4 14",
  menu: "M4 7h16M4 12h16M4 17h16",
  close: "M6 6l12 12M18 6L6 18",
  search: "M10.500 17a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13zM15.500 15.500L20 20",
  send: "M12 19V5M6 11l6-6 6 6",
  stop: "M7 7h10v10H7z",
  clip: "M20 11l-8.500 8.500a5 5 0 0 1-7-7L13 4a3.500 3.500 0 0 1 5 5l-8.500 8.500a1.800 1.800 0 0 1-2.500-2.500L15 7",
  up: "M12 19V5M6 11l6-6 6 6",
  down: "M12 5v14M6 13l6 6 6-6",
  chevron: "M9 6l6 6-6 6",
  plus: "M12 5v14M5 12h14",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.500 1.500M17.500 17.500L19 19M5 19l1.500-1.500M17.500 6.500L19 5",
  tool: "M14.500 6.500a4 4 0 0 0-5 5L4 17v3h3l5.500-5.500a4 4 0 0 0 5-5L15 12l-3-3z",
  check: "M5 12.500l4.500 4.500L19 7",
  warn: "M12 4l9 16H3zM12 10v4M12 17v.500",
  copy: "M9 9h10v11H9zM5 15V4h10",
  bulb: "M9 18h6M10 21h4M12 3a6 6 0 0 0-3.500 11c.500.500.500 1 .500 1.500h6c0-.500 0-1 .500-1.500A6 6 0 0 0 12 3z",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  edit: "M4 20h4L19 9l-4-4L4 16z",
  leave: "M14 5h5v14h-5M15 12H4M8 8l-4 4 4 4",
  refresh: "M19 8a8 8 0 1 0 1 6M20 4v5h-5",
  globe: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM3 12h18M12 3c3 3 3 15 0 18M12 3c-3 3-3 15 0 18",
  more: "M5 12h.010M12 12h.010M19 12h.010",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
