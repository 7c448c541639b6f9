// SPDX-License-Identifier: Apache-2.0
// Drawn for this page, on a grid of 24.
const shapes = {
  plus: "M12 5v14M5 12h14",
  menu: "M4 7h16M4 12h16M4 17h16",
  close: "M6 6l12 12M18 6L6 18",
  send: "M12 19V5M6 11l6-6 6 6",
  stop: "M7 7h10v10H7z",
  clip: "M20 11l-8.5 8.5a5 5 0 0 1-7-7L13 4a3.4 3.4 0 0 1 4.8 4.8L9.4 17.2a1.7 1.7 0 0 1-2.4-2.4L14.5 7.3",
  copy: "M9 9h10v10H9zM5 15V5h10",
  again: "M19 12a7 7 0 1 1-2-5l2 2M19 4v5h-5",
  fork: "M7 4v10a3 3 0 0 0 3 3h8M15 14l3 3-3 3M7 8h6a3 3 0 0 0 3-3",
  edit: "M4 20h4L19 9l-4-4L4 16z",
  left: "M14 6l-6 6 6 6",
  right: "M10 6l6 6-6 6",
  dots: "M6 11.5v1M12 11.5v1M18 11.5v1",
  sliders: "M4 8h9M17 8h3M4 16h3M11 16h9M15 6v4M9 14v4",
  search: "M11 5a6 6 0 1 1 0 12 6 6 0 0 1 0-12zM15.5 15.5L20 20",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  key: "M14.5 9.5a4 4 0 1 1-1-1L20 4M17 7l2 2",
  gauge: "M4 17a8 8 0 1 1 16 0M12 17l4-5",
  thought:
    "M9 18h6M10 21h4M12 3a6 6 0 0 1 4 10.5c-.7.6-1 1.4-1 2.500H9c0-1.1-.3-1.9-1-2.500A6 6 0 0 1 12 3z",
  file: "M7 3h7l4 4v14H7zM14 3v4h4",
  globe: "M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16zM4 12h16M12 4c5 5 5 11 0 16M12 4c-5 5-5 11 0 16",
  sun: "M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.600L7 7M17 17l1.4 1.400M5.6 18.400L7 17M17 7l1.4-1.4",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  hidden:
    "M4 4l16 16M9.5 9.500a3.5 3.5 0 0 0 5 5M6.5 7C4.5 8.5 3 12 3 12s3 6 9 6c1.6 0 3-.4 4.2-1M11 6.100c6-.6 10 5.9 10 5.900s-.7 1.4-2 2.9",
};

const filled = new Set(["stop"]);

export function Icon({ name }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={shapes[name]} class={filled.has(name) ? "filled" : undefined} />
    </svg>
  );
}

export function IconButton({ name, label, ...rest }) {
  return (
    <button type="button" class="icon-button" aria-label={label} title={label} {...rest}>
      <Icon name={name} />
    </button>
  );
}
