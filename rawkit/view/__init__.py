"""Looking at patches and photographs.

`rendering` makes pictures of mosaics; `figures` holds the style and colors of plots, `comparison`
puts pictures side by side; `slider` is the compare slider, around which `explorer` (patches) and
`strength` (a photograph, with its noise mixed back) are widgets.
"""

from .comparison import plot_comparison, show_pictures
from .explorer import explore
from .figures import COLORS, log_ticks, paint_error, paint_residual, plane_colors, use_style
from .rendering import Rendering, busiest_part, demosaic, estimate_rendering, render
from .slider import CompareSlider, compare
from .strength import StrengthSlider, keep_upload
