/* The contents in the bar follow the section in view. */

/** Mark the link of the section that came into view. */
function followSections(entries) {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    for (const link of findAll("nav a")) {
      if (link.getAttribute("href") === `#${entry.target.id}`) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }
}

if (window.IntersectionObserver) {
  const observer = new IntersectionObserver(followSections, { rootMargin: "-20% 0px -70% 0px" });
  findAll("section[id]").forEach((section) => observer.observe(section));
}
