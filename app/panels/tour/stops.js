// The stops of the tour, in order; what they say is in app/words under the same names.
//
//   anchor   selectors of real controls: the first that can be seen is put into the light
//   unfold   the button of a folded panel that the anchor lies in
//   demo     what "Show me" does, by its name in demos.js

const STOPS = [
  { id: "welcome", anchor: [".mgs-stage"] },
  { id: "tokens", anchor: ["[data-do=grid]"], demo: "tokens" },
  { id: "hole", anchor: [".mgs-tools [data-tool=brush]"], demo: "hole" },
  { id: "class", anchor: ["#class"] },
  { id: "confidence", anchor: ["#reveal"], unfold: "#advanced > button", demo: "confidence" },
  { id: "cosine", anchor: ["#schedule"], unfold: "#advanced > button", demo: "cosine" },
  { id: "temperature", anchor: ["#temperature"], unfold: "#advanced > button", demo: "temperature" },
  { id: "passes", anchor: ["#steps"], unfold: "#advanced > button", demo: "passes" },
  { id: "race", anchor: ["#reveal"], unfold: "#advanced > button", demo: "race" },
  { id: "walk", anchor: [".mgs-timeline", "#fill"] },
  { id: "steer", anchor: [".mgs-steer", "[data-do=lab]"], unfold: "[data-do=lab]" },
  { id: "branches", anchor: [".mgs-branches", "[data-do=lab]"], unfold: "[data-do=lab]" },
  { id: "keep", anchor: [".mgs-save", ".mgs-timeline", "#fill"] },
];
