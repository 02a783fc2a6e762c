// The compare slider: turns each table of pictures (what a viewer without scripts
// shows) into layers under draggable dividers.  Plain DOM, no ids, no globals but
// the memory of positions, so that any number of sliders share a page.
(function () {
  "use strict";
  var LENS_PIXELS = 21, LENS_FACTOR = 8, ZOOMS = [1, 2, 3, 4], ROOM = 600;
  var PADDING = 16, START = 6; // CSS pixels: of the frame; what a finger moves before it drags
  var memory = window.rawkitCompare = window.rawkitCompare || {};

  function element(name, className, parent) {
    var node = document.createElement(name);
    node.className = className;
    parent.appendChild(node);
    return node;
  }

  // JupyterLab and Notebook 7 would take the keys for themselves
  function keepKeys(node) {
    node.setAttribute("data-lm-suppress-shortcuts", "true");
  }

  function start(root) {
    root.setAttribute("data-live", "");
    var sources = [].slice.call(root.querySelectorAll("img"));
    var count = sources.length, width = sources[0].width, height = sources[0].height;
    var names = sources.map(function (img) { return img.alt; });
    var key = root.getAttribute("data-key");
    var state = memory[key];
    if (!state || state.dividers.length !== count - 1 || state.width !== width) {
      state = {
        width: width,
        dividers: names.slice(1).map(function (_, i) { return (i + 1) / count; }),
        alone: -1, // the one image shown, or -1: all, split
        zoom: fit(Math.min(ROOM, (root.parentNode.clientWidth || ROOM + PADDING) - PADDING)),
        lens: root.getAttribute("data-lens").split(" ").map(Number) // centre, in pixels
      };
    }
    if (key) memory[key] = state;

    // the largest that leaves no pixel of the page out; on a telephone also one between two
    function fit(room) {
      var ratio = window.devicePixelRatio || 1;
      var best = ZOOMS.reduce(function (a, b) { return width * b <= room ? b : a; }, 1);
      return best > 1 ? best : Math.max(1, Math.floor(room * ratio / width) / ratio);
    }

    root.removeChild(root.querySelector("table"));
    var bar = element("div", "rawkit-bar", root), body = element("div", "rawkit-body", root);
    var picture = element("div", "rawkit-picture", element("div", "rawkit-stage", body));
    var column = element("div", "rawkit-lenses", body);
    element("div", "rawkit-help", root).textContent =
      "Drag in the picture, or focus a divider and use \u2190 \u2192. Keys 1\u2013" + count +
      ": one image alone, 0: split. Lens: point, or Shift + arrows.";

    function button(text, note, action) {
      var node = element("button", "", bar);
      node.type = "button";
      keepKeys(node);
      node.textContent = text;
      if (note) element("small", "", node).textContent = note;
      node.addEventListener("click", function () { action(); draw(); });
      return node;
    }
    var tabs = names.map(function (name, i) {
      return button(name, sources[i].getAttribute("data-note"), function () { state.alone = i; });
    });
    var split = button("split", "", function () { state.alone = -1; });
    element("span", "rawkit-gap", bar);
    var zooms = ZOOMS.map(function (zoom) {
      return button(zoom + "\u00d7", "", function () { state.zoom = zoom; });
    });

    var lenses = [], chips = [];
    var layers = sources.map(function (img, i) {
      var layer = element("div", "rawkit-layer", picture);
      layer.appendChild(img);
      img.draggable = false;
      var lens = element("div", "rawkit-lens", column);
      var canvas = element("canvas", "", lens);
      canvas.width = canvas.height = LENS_PIXELS * LENS_FACTOR;
      element("span", "rawkit-name", lens).textContent = names[i];
      lenses.push(canvas.getContext("2d"));
      img.addEventListener("load", draw);
      return layer;
    });
    names.forEach(function (name, i) {
      chips.push(element("span", "rawkit-name", picture));
      chips[i].textContent = name;
    });
    var mark = element("div", "rawkit-mark", picture);
    var handles = state.dividers.map(function (_, i) {
      var handle = element("div", "rawkit-divider", picture);
      handle.tabIndex = 0;
      keepKeys(handle);
      handle.setAttribute("role", "slider");
      handle.setAttribute("aria-label", "divider between " + names[i] + " and " + names[i + 1]);
      return handle;
    });

    // zoom factors are exact in pixels of the screen, also where those are not CSS pixels
    function scale() {
      var ratio = window.devicePixelRatio || 1;
      return Math.max(1, Math.round(state.zoom * ratio)) / ratio;
    }

    function paint() {
      frame = 0;
      var factor = scale(), total = width * factor, ratio = window.devicePixelRatio || 1;
      picture.style.width = total + "px";
      picture.style.height = height * factor + "px";
      var edges = [0].concat(state.dividers.map(function (at) {
        return Math.round(at * total * ratio) / ratio;
      }), total);
      layers.forEach(function (layer, i) {
        var only = state.alone === i;
        var left = only ? 0 : edges[i], right = only ? total : edges[i + 1];
        // each layer covers those before it from its left edge on: layers that only
        // move are not painted again, which keeps dragging smooth without a GPU
        var x = state.alone < 0 ? left : i > state.alone ? total : 0;
        layer.style.transform = "translateX(" + x + "px)";
        sources[i].style.transform = "translateX(" + -x + "px)";
        // the name sits at the outer side of its part, and only where it fits
        var room = right - left, chip = chips[i].offsetWidth;
        var at = i === 0 || only ? left + 6 : i === count - 1 ? right - chip - 6 :
          left + (room - chip) / 2;
        var shown = (state.alone < 0 || only) && room >= chip + 12;
        chips[i].style.transform = "translateX(" + at + "px)";
        chips[i].style.visibility = shown ? "visible" : "hidden";
        tabs[i].setAttribute("aria-pressed", only);
      });
      handles.forEach(function (handle, i) {
        handle.style.transform = "translateX(" + edges[i + 1] + "px)";
        // invisible but there: a removed one would lose the focus, and with it the next key
        handle.style.opacity = state.alone < 0 ? 1 : 0;
        handle.setAttribute("aria-valuenow", Math.round(100 * state.dividers[i]));
      });
      split.setAttribute("aria-pressed", state.alone < 0);
      ZOOMS.forEach(function (zoom, i) {
        zooms[i].setAttribute("aria-pressed", zoom === state.zoom);
      });

      var half = LENS_PIXELS >> 1, corner = state.lens.map(function (at, axis) {
        return clamp(Math.floor(at) - half, 0, [width, height][axis] - LENS_PIXELS);
      });
      mark.style.width = mark.style.height = LENS_PIXELS * factor + "px";
      mark.style.transform = "translate(" + corner[0] * factor + "px," + corner[1] * factor + "px)";
      var side = LENS_PIXELS * LENS_FACTOR;
      lenses.forEach(function (context, i) {
        if (!sources[i].complete) return; // drawn again when it has loaded
        context.imageSmoothingEnabled = false;
        context.drawImage(sources[i], corner[0], corner[1], LENS_PIXELS, LENS_PIXELS,
          0, 0, side, side);
      });
    }

    var frame = 0;
    function draw() { if (!frame) frame = requestAnimationFrame(paint); }
    function clamp(x, low, high) { return Math.max(low, Math.min(high, x)); }
    function move(i, to) { // dividers push against each other but never cross
      var at = state.dividers;
      at[i] = clamp(to, i ? at[i - 1] : 0, i + 1 < at.length ? at[i + 1] : 1);
    }

    var held = -1, finger = null;
    function follow(event) {
      var box = picture.getBoundingClientRect();
      var x = (event.clientX - box.left) / box.width, y = (event.clientY - box.top) / box.height;
      state.lens = [clamp(x, 0, 1) * width, clamp(y, 0, 1) * height];
      if (held >= 0) move(held, x);
      draw();
      return x;
    }
    function take(event) {
      finger = null;
      state.alone = -1;
      var x = follow(event), at = state.dividers;
      held = at.length > 1 && x > (at[0] + at[1]) / 2 ? 1 : 0;
      picture.setPointerCapture(event.pointerId);
      handles[held].focus({ preventScroll: true });
      move(held, x);
    }
    picture.addEventListener("pointerdown", function (event) {
      if (event.button) return;
      if (event.pointerType === "touch") { // it may be about to scroll the page
        finger = event.clientX;
        return;
      }
      take(event);
      event.preventDefault(); // or the browser starts to select text
    });
    picture.addEventListener("pointermove", function (event) {
      if (finger === null) follow(event);
      else if (Math.abs(event.clientX - finger) >= START) take(event);
    });
    picture.addEventListener("pointerup", function (event) {
      if (finger !== null) take(event); // a tap
      held = -1;
    });
    picture.addEventListener("pointercancel", function () { held = -1; finger = null; });

    var ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    var PAGES = { PageUp: 0.1, PageDown: -0.1 }; // as sliders of the system do
    root.addEventListener("keydown", function (event) {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      var arrow = ARROWS[event.key], divider = handles.indexOf(document.activeElement);
      var digit = /^[0-9]$/.test(event.key) ? +event.key : count + 1;
      if (arrow && event.shiftKey) {
        state.lens = [clamp(state.lens[0] + arrow[0] * 4, 0, width),
          clamp(state.lens[1] + arrow[1] * 4, 0, height)];
      } else if (arrow && arrow[0] && divider >= 0) {
        move(divider, state.dividers[divider] + arrow[0] * 0.02);
      } else if (divider >= 0 && PAGES[event.key]) {
        move(divider, state.dividers[divider] + PAGES[event.key]);
      } else if (divider >= 0 && (event.key === "Home" || event.key === "End")) {
        move(divider, event.key === "Home" ? 0 : 1);
      } else if (digit <= count) {
        state.alone = digit - 1;
      } else {
        return;
      }
      event.preventDefault();
      event.stopPropagation();
      draw();
    });
    paint();
  }

  // the output of a widget may join the page later than its script runs
  (function look(tries) {
    var roots = document.querySelectorAll(".rawkit-compare:not([data-live])");
    [].forEach.call(roots, start);
    if (!roots.length && tries) setTimeout(look, 100, tries - 1);
  })(50);
})();
