"use strict";
// Opens what a link leads to, and lets arrow keys go from bar to bar.
(function () {
  function open() {
    var target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (!target) { return; }
    if (target.tagName === "DETAILS") {
      target.open = true;
      target.querySelector("summary").focus({ preventScroll: true });
    }
    target.scrollIntoView({ block: "start" });
  }
  window.addEventListener("hashchange", open);
  document.addEventListener("click", function (event) {
    var link = event.target.closest && event.target.closest("a[href^='#']");
    // The same link once more changes nothing in the address.
    if (link && link.getAttribute("href") === location.hash) { open(); }
    if (link && link.classList.contains("bar")) { last = link; }
  });
  var last = null;
  var picture = document.getElementById("picture");
  if (picture) {
    var bars = Array.prototype.slice.call(picture.querySelectorAll(".bar"));
    // One stop for the Tab key; the arrow keys do the rest.
    bars.forEach(function (bar, place) { bar.tabIndex = place === 0 ? 0 : -1; });
    picture.addEventListener("keydown", function (event) {
      var place = bars.indexOf(document.activeElement);
      if (place < 0) { return; }
      var next = null;
      if (event.key === "ArrowRight") { next = bars[place + 1]; }
      if (event.key === "ArrowLeft") { next = bars[place - 1]; }
      if (event.key === "Home") { next = bars[0]; }
      if (event.key === "End") { next = bars[bars.length - 1]; }
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        var step = event.key === "ArrowDown" ? 1 : -1;
        var lane = bars[place].closest(".lane");
        for (var at = place + step; bars[at]; at += step) {
          if (bars[at].closest(".lane") !== lane) { next = bars[at]; break; }
        }
      }
      if (!next) { return; }
      event.preventDefault();
      bars[place].tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    });
    document.addEventListener("keydown", function (event) {
      if (event.key === "Escape" && last) { last.focus(); }
    });
  }
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details.failed").forEach(function (item) { item.open = true; });
  });
  open();
}());
