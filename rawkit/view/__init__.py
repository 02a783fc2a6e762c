"""Looking at raw: rendering, static figures, the compare slider, the explorer."""

from .comparison import plot_comparison, show_pictures
from .explorer import explore
from .figures import COLORS, log_ticks, paint_error, paint_residual, plane_colors, use_style
from .rendering import Rendering, busiest_part, demosaic, estimate_rendering, render
from .slider import CompareSlider, compare
from .strength import StrengthSlider, choose_upload, keep_upload
